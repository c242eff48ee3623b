"""Reconciles one registration: every event of this service leads here, if it can matter.

Guarantees: running it twice, late or out of order ends the same, because it reads the present state first. The order of
writes is such that a crash between any two leaves nothing that the next run would not mend.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from app_platform.contracts import (
    ConditionType,
    FluxObjectChanged,
    ManagedObjectChanged,
    NamespacesReady,
    OidcClientRegistered,
    OidcClientRejected,
    OidcClientRemoved,
    Registration,
    RegistrationChanged,
    RegistrationDeleted,
    Verdict,
)
from app_platform.namespace_rbac import core
from app_platform.namespace_rbac.ports import ConflictError, Ports
from app_platform.runtime import Batch, Done, HandlerTable, Outcome, Retry, resync_mark

_TERMINATING_RETRY: Final = timedelta(seconds=5)
_ONLY_FOR_US: Final = (ManagedObjectChanged, OidcClientRegistered, OidcClientRejected, OidcClientRemoved)
"""What others changed is put back, and OIDC clients change what may be read: nothing of that is new for the later stages."""


async def reconcile(ports: Ports, events: Batch) -> Outcome:
    """Make the cluster as the registration asks, or clean up after it."""
    registration = await ports.registrations.get(events[0].app)
    if registration is None:
        return Done()
    try:
        if registration.deleting:
            return await _remove(ports, registration)
        tell = not all(isinstance(event, _ONLY_FOR_US) for event in events)
        return await _serve(ports, registration, resync_mark(events), tell=tell)
    except ConflictError as error:
        return Retry(str(error), kind="Overtaken")


async def flux_changed(ports: Ports, events: Batch) -> Outcome:
    """Reconcile while a namespace that the app gave up still holds what Flux put there, and not otherwise.

    Flux objects change with each commit and each interval; nothing else here depends on them.
    """
    app = events[0].app
    applied = [e for e in events if isinstance(e, FluxObjectChanged) and e.object_kind == "Kustomization"]
    if not applied or not await ports.cluster.has_released(app):
        return Done()
    return await reconcile(ports, events)


async def _serve(ports: Ports, registration: Registration, resync: str, *, tell: bool) -> Outcome:
    await ports.registrations.hold(registration)
    observed = await ports.cluster.observe(
        registration.name, [registration.platform_namespace, *registration.spec.namespaces]
    )
    decided = core.plan(registration, observed)
    await _carry_out(ports, decided)
    if decided.platform_ready and (tell or decided.create):
        # Told before the status is written: a crash between the two is mended by the next delivery.
        await ports.events.publish(_namespaces_ready(registration, decided, resync))
    verdict = core.namespaces_verdict(decided)
    await _report(ports, registration, verdict, decided.owned)
    if any(p.reason == "NamespaceTerminating" for p in decided.problems):
        return Retry(verdict.message, _TERMINATING_RETRY.total_seconds(), kind="NamespaceTerminating")
    return Done()


async def _carry_out(ports: Ports, decided: core.Plan) -> None:
    for manifest in decided.create:
        await ports.cluster.create_namespace(manifest)
    for manifest in decided.delete:
        await ports.cluster.delete(manifest)
    for manifest in decided.apply:
        await ports.cluster.apply(manifest)


async def _remove(ports: Ports, registration: Registration) -> Outcome:
    last = core.is_last(registration)
    observed = await ports.cluster.observe(registration.name, [])
    await _carry_out(ports, core.plan_removal(registration.name, observed, last=last))
    if last:
        await ports.registrations.release(registration)
    # Otherwise the others' letting go changes the registration, and that is told.
    return Done()


async def _report(ports: Ports, registration: Registration, verdict: Verdict, owned: Sequence[str]) -> None:
    await ports.registrations.report(registration, verdict, {"namespaces": sorted(owned)})
    ready = core.ready_verdict(registration, verdict)
    await ports.registrations.report(registration, ready, {"observedGeneration": registration.generation})


def _namespaces_ready(registration: Registration, decided: core.Plan, resync: str) -> NamespacesReady:
    return NamespacesReady(
        app=registration.name,
        name=registration.name,
        resync=resync,
        uid=registration.uid,
        generation=registration.generation,
        namespaces=tuple(sorted(decided.owned)),
        digest=core.digest(decided.owned),
    )


async def gave_up(ports: Ports, events: Batch, reason: str) -> None:
    """Show on the registration why it cannot be served now."""
    registration = await ports.registrations.get(events[0].app)
    if registration is not None and not registration.deleting:
        verdict = Verdict(ConditionType.NAMESPACES, "ReconcileError", reason, ok=False)
        await _report(ports, registration, verdict, registration.status.namespaces)


HANDLERS: HandlerTable[Ports] = {
    RegistrationChanged: reconcile,
    RegistrationDeleted: reconcile,
    FluxObjectChanged: flux_changed,
    ManagedObjectChanged: reconcile,
    OidcClientRegistered: reconcile,
    OidcClientRejected: reconcile,
    OidcClientRemoved: reconcile,
}
