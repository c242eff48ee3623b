"""Runs the checks of ``libs/diagnosis`` for a person, with their own rights where Kubernetes has such rights."""

from collections.abc import Sequence
from typing import Final

from app_platform.dashboard.access import Access, intents, oidc_clients
from app_platform.diagnosis import Bus, Finding, Reader, State, Target, diagnose
from app_platform.diagnosis.adapters import KubeCluster

_ORDER: Final = (State.PROBLEM, State.WARNING, State.UNKNOWN, State.OK, State.SKIPPED)


async def look(access: Access, bus: Bus, app: str, target: Target) -> Sequence[Finding]:
    """What the checks say, the gravest first.

    What tenants cannot read in Kubernetes though they may know of it (metadata of Secrets and of the app's namespaces), the dashboard
    reads, after it has asked whether they may know of the app's secrets and clients.

    Args:
        access: Of the person.
        bus: How far the services are with the events.
        app: That the target belongs to.
        target: What to look at.

    Raises:
        RefusedError: The person has no role in the app.
    """
    await access.own_after(oidc_clients("list", app))
    own = await access.own_after(intents("list", app))
    found = await diagnose(target, Reader(KubeCluster(access.kube, own), bus))
    return sorted(found, key=lambda each: _ORDER.index(each.state))
