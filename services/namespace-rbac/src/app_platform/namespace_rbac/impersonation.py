"""For which groups the dashboard may speak: ClusterRole ``app-platform-dashboard-impersonation``, kept as registrations are.

The groups are those of all registrations, and those that are bound to the role of platform admins (one place holds their name: that
binding). Guarantees: no group of Kubernetes itself is ever named; without any group the role has no rule, since a rule that names
none would allow all; what somebody changes of it is put back within half a minute.
Leaves out: names of users, which RBAC cannot narrow (docs/security.md).
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

from app_platform.kube import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    Change,
    Informer,
    KubeClient,
    KubeError,
    Object,
    Resource,
    Scope,
    Selector,
)
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.namespace_rbac import manifests
from app_platform.namespace_rbac.adapters import SERVICE
from app_platform.namespace_rbac.core import covers

_LOG: Final = logging.getLogger(__name__)
ADMINS: Final = "app-platform-platform-admin"
"""ClusterRoleBinding of the platform's admins."""
_LOOK_SECONDS: Final = 30.0
_GATHER_SECONDS: Final = 0.2
"""Registrations that change together make one write."""


class Impersonation:
    """Keeps the role.

    Args:
        client: As namespace-rbac.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._registrations = Informer(client, Scope(REGISTRATIONS), groups_of)
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Keep it until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._registrations.run(self._note))
            group.create_task(self._keep())

    async def _note(self, _change: Change[frozenset[str]]) -> None:
        self._changed.set()

    async def _keep(self) -> None:
        await self._registrations.synced.wait()
        while True:
            self._changed.clear()
            try:
                await self._look()
            except KubeError as error:
                _LOG.warning("the dashboard's groups are not kept now: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._changed.wait()
            await asyncio.sleep(_GATHER_SECONDS)

    async def _look(self) -> None:
        named = (change.value for change in self._registrations.items.values())
        groups = frozenset().union(*named, await self._admins())
        role, binding = manifests.dashboard_impersonation(groups)
        await self._ensure(CLUSTER_ROLES, role)
        await self._ensure(CLUSTER_ROLE_BINDINGS, binding)

    async def _admins(self) -> frozenset[str]:
        found = await self._find(CLUSTER_ROLE_BINDINGS, ADMINS)
        subjects = found.get("subjects") or () if found else ()
        return frozenset(each["name"] for each in subjects if each["kind"] == "Group")

    async def _ensure(self, resource: Resource, wanted: Object) -> None:
        name = wanted["metadata"]["name"]
        found = await self._find(resource, name)
        if found and found.get("roleRef") != wanted.get("roleRef"):  # cannot be changed
            await self._client.delete(resource, name, uid=found["metadata"]["uid"])
        if found is None or not _is(found, wanted):
            await self._client.apply(resource, wanted, field_manager=SERVICE, force=True)

    async def _find(self, resource: Resource, name: str) -> Object | None:
        # Listed by name: this service may list roles, which shows it no more than their metadata would.
        found = await self._client.list(resource, None, Selector(fields=f"metadata.name={name}"))
        return found[0] if found else None


def _is(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an object holds what is wanted and, of what gives rights, nothing else."""
    rights = ("rules", "subjects", "roleRef")
    return covers(found, wanted) and all(
        (found.get(each) or []) == (wanted.get(each) or []) for each in rights
    )


def groups_of(registration: Mapping[str, Any]) -> frozenset[str]:
    """The groups that a registration names; none of one that is being deleted. Whatever it holds, this does not fail."""
    if "deletionTimestamp" in registration["metadata"]:
        return frozenset()
    entries = registration.get("spec", {}).get("access") or ()
    return frozenset(str(entry["group"]) for entry in entries if entry.get("group"))
