"""For which groups the dashboard may speak.

namespace-rbac keeps ClusterRole ``app-platform-dashboard-impersonation``: it names exactly the groups of registrations and of the
platform's admins. Kubernetes refuses a request that impersonates any other group, even one that gives no right; so the others of a
person are left out. Guarantees: follows the role as it changes. Leaves out: judging; too small a list only means fewer rights.
"""

from collections.abc import Mapping
from typing import Any, Final

from app_platform.kube import CLUSTER_ROLES, Change, Informer, KubeClient, Scope, Selector

ROLE: Final = "app-platform-dashboard-impersonation"
_SCOPE: Final = Scope(CLUSTER_ROLES, selector=Selector(fields=f"metadata.name={ROLE}"))


def groups_of(role: Mapping[str, Any]) -> frozenset[str] | None:
    """The groups that a ClusterRole lets its bearer impersonate; ``None`` for all."""
    rules = [
        rule
        for rule in role.get("rules") or ()
        if "impersonate" in rule.get("verbs", ()) and "groups" in rule.get("resources", ())
    ]
    if any(not rule.get("resourceNames") for rule in rules):
        return None
    return frozenset(name for rule in rules for name in rule["resourceNames"])


class Speakable:
    """The groups as of now.

    Args:
        client: The dashboard's own.
    """

    def __init__(self, client: KubeClient) -> None:
        self._informer = Informer(client, _SCOPE, groups_of)

    @property
    def synced(self) -> bool:
        """Whether they are known."""
        return self._informer.synced.is_set()

    def groups(self) -> frozenset[str] | None:
        """The groups; ``None`` when there is no limit, none at all before the role exists."""
        found = [change.value for change in self._informer.items.values()]
        return found[0] if found else frozenset()

    async def run(self) -> None:
        """Follow the role until cancelled."""
        await self._informer.run(_ignore)


async def _ignore(_change: Change[frozenset[str] | None]) -> None:
    """The informer's picture is all that is wanted."""
