"""For whom the dashboard may speak: kept by namespace-rbac's own code under its own rights, tried with the dashboard's credential."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app_platform.contracts import Role, names
from app_platform.kube import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    NAMESPACES,
    ClusterConfig,
    Forbidden,
    KubeClient,
    User,
)
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import Platform
from app_platform.namespace_rbac import manifests
from app_platform.namespace_rbac.impersonation import Impersonation
from integration.policies.conftest import World, refused
from support.nats import until
from support.people import Anybody

ROLE = manifests.DASHBOARD_ROLE
MANAGER = "test"


@pytest.fixture
async def dashboard(platform: Platform) -> AsyncIterator[KubeClient]:
    """A client with the dashboard's own credential."""
    config = ClusterConfig.load({"KUBECONFIG": str(platform.state.kubeconfig("dashboard"))})
    async with KubeClient(config) as client:
        yield client


@pytest.fixture
async def keeping(world: World, dashboard: KubeClient) -> AsyncIterator[None]:
    """namespace-rbac keeps the role, and has told of the groups of ``world.mine``."""
    task = asyncio.create_task(Impersonation(world.service("namespace-rbac")).run())
    await until(lambda: speaks_for(dashboard, f"{world.mine.name}-admins"), "the dashboard speaks for them")
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def speaks_for(dashboard: KubeClient, *groups: str, name: str = "oidc:ada") -> bool:
    """Whether the API server lets the dashboard speak for somebody; what that person may do is not asked."""
    try:
        await dashboard.acting_as(Anybody(name, groups)).list(NAMESPACES)
    except Forbidden as refusal:
        return "impersonate" not in str(refusal)
    return True


async def named(world: World) -> set[str]:
    """The groups in the role."""
    role = await world.root.get(CLUSTER_ROLES, ROLE)
    return {name for rule in role.get("rules") or () for name in rule["resourceNames"]}


@pytest.mark.usefixtures("keeping")
async def test_it_speaks_for_the_groups_of_registrations_and_of_the_platforms_admins(
    world: World, dashboard: KubeClient
) -> None:
    groups = {f"{team.name}-{role}s" for team in (world.mine, world.theirs) for role in Role}
    assert groups | {"platform-admins"} <= await named(world)
    assert await speaks_for(dashboard, *sorted(groups), "platform-admins")
    admin = dashboard.acting_as(User("oidc:ada", (f"{world.mine.name}-admins",)))
    assert (await admin.get(REGISTRATIONS, world.mine.name))["metadata"]["name"] == world.mine.name
    with pytest.raises(Forbidden):
        await admin.get(REGISTRATIONS, world.theirs.name)


@pytest.mark.usefixtures("keeping")
async def test_it_speaks_for_nobody_else(world: World, dashboard: KubeClient) -> None:
    for group in ("system:masters", "system:serviceaccounts", "somebody-elses", f"{world.mine.name}-admin"):
        assert not await speaks_for(dashboard, group), group
    for name in (
        "system:serviceaccount:kube-system:default",
        f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:secrets-encryptor",
        f"system:serviceaccount:{world.mine.home}:flux",
    ):
        assert not await speaks_for(dashboard, name=name), name


@pytest.mark.usefixtures("keeping")
async def test_it_follows_registrations(world: World, dashboard: KubeClient) -> None:
    team, group = world.mine.name, f"{world.mine.name}-new"
    access = {"spec": {"access": [{"group": group, "role": "reader"}]}}
    await world.root.merge_patch(REGISTRATIONS, team, None, access)
    await until(lambda: speaks_for(dashboard, group), "the new group is spoken for")

    async def forgotten(group: str) -> bool:
        return not await speaks_for(dashboard, group)

    await until(lambda: forgotten(f"{team}-admins"), "the one that is named no more is not")
    await world.root.delete(REGISTRATIONS, team)
    await until(lambda: forgotten(group), "nor that of a deleted registration")


async def test_what_somebody_changed_is_put_back(world: World, dashboard: KubeClient) -> None:
    keeper = Impersonation(world.service("namespace-rbac"))
    role, binding = manifests.dashboard_impersonation(["system:masters", "team"])
    assert role["rules"][0]["resourceNames"] == ["team"]
    all_groups = [{"apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"]}]
    await world.root.apply(CLUSTER_ROLES, role | {"rules": all_groups}, field_manager=MANAGER, force=True)
    stranger = {"kind": "ServiceAccount", "name": "default", "namespace": "default"}
    widened = binding | {"subjects": [*binding["subjects"], stranger]}
    await world.root.apply(CLUSTER_ROLE_BINDINGS, widened, field_manager=MANAGER, force=True)
    await until(lambda: speaks_for(dashboard, "anybody"), "it is wide open")
    task = asyncio.create_task(keeper.run())

    async def closed() -> bool:
        found = await world.root.get(CLUSTER_ROLE_BINDINGS, ROLE)
        return not await speaks_for(dashboard, "anybody") and found["subjects"] == binding["subjects"]

    await until(closed, "it is as it was")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([{"resources": ["groups"], "resourceNames": ["system:masters"]}], "never for a group of Kubernetes"),
        ([{"resources": ["groups"]}], "never for a group of Kubernetes"),
        ([{"resources": ["groups"], "resourceNames": []}], "never for a group of Kubernetes"),
        ([{"resources": ["users"], "resourceNames": ["oidc:ada"]}], ""),
        ([{"resources": ["groups", "users"], "resourceNames": ["team"]}], ""),
    ],
)
async def test_namespace_rbac_cannot_widen_it(world: World, rules: list[dict[str, Any]], says: str) -> None:
    service = world.service("namespace-rbac")
    role, _ = manifests.dashboard_impersonation(["team"])
    wanted = [{"apiGroups": [""], "verbs": ["impersonate"], **rule} for rule in rules]
    message = await refused(
        service.apply(CLUSTER_ROLES, role | {"rules": wanted}, field_manager="namespace-rbac", force=True)
    )
    assert says in message or "attempting to grant" in message


async def test_namespace_rbac_cannot_give_it_to_somebody_else(world: World) -> None:
    service = world.service("namespace-rbac")
    _, binding = manifests.dashboard_impersonation(["team"])
    itself = {"kind": "ServiceAccount", "name": "namespace-rbac", "namespace": names.SYSTEM_NAMESPACE}
    person = {"kind": "Group", "name": "team", "apiGroup": "rbac.authorization.k8s.io"}
    for subject in (itself, person):
        attempt = binding | {"subjects": [subject]}
        message = await refused(
            service.apply(CLUSTER_ROLE_BINDINGS, attempt, field_manager="namespace-rbac", force=True)
        )
        assert "only the dashboard speaks for people" in message
    elsewhere = {**binding, "metadata": {"name": "app-platform-registration:x:read"}}
    message = await refused(
        service.apply(CLUSTER_ROLE_BINDINGS, elsewhere, field_manager="namespace-rbac", force=True)
    )
    assert "cluster-wide" in message


async def test_the_right_is_of_no_use_to_namespace_rbac_itself(world: World, platform: Platform) -> None:
    """It may name groups so that it can hand them on; without the right to speak for a user nobody can use that."""
    config = ClusterConfig.load({"KUBECONFIG": str(platform.state.kubeconfig("namespace-rbac"))})
    async with KubeClient(config) as client:
        assert not await speaks_for(client, f"{world.mine.name}-admins")
        assert not await speaks_for(client, "system:masters", name="oidc:ada")
