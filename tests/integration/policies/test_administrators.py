"""People with many rights on the cluster: what the platform manages is safe from them, but for those who may do everything."""

from collections.abc import Mapping
from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.kube import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    NAMESPACES,
    SECRETS,
    Forbidden,
    KubeClient,
    Resource,
    User,
)
from integration.policies.conftest import World, refused


@pytest.mark.parametrize("label", [names.APP_LABEL, names.NAMESPACE_ROLE_LABEL])
async def test_a_namespace_cannot_be_claimed_even_with_the_right_to_change_namespaces(
    world: World, label: str
) -> None:
    mighty = await mighty_person(world, "policy-test-namespaces", ["namespaces"])
    value = "platform" if label == names.NAMESPACE_ROLE_LABEL else world.mine.name
    change = {"metadata": {"labels": {label: value}}}
    await eventually_refused(mighty, NAMESPACES, "default", change, "leave the labels")
    relabel = {"metadata": {"labels": {names.APP_LABEL: world.mine.name}}}
    assert "managed by" in await refused(mighty.merge_patch(NAMESPACES, world.theirs.dev, None, relabel))


async def test_who_administers_the_cluster_puts_right_what_we_manage(world: World) -> None:
    """As an upgrade and the restoring of a key need it; in many clusters nobody is in the group `system:masters`."""
    mighty = await mighty_person(world, "policy-test-everything", None)
    key = await world.root.get(SECRETS, names.AGE_KEY_SECRET, world.mine.home)
    await eventually_allowed(mighty, world.mine.home)
    restored = SECRETS.manifest(names.AGE_KEY_SECRET, world.mine.home, data=key.get("data", {}))
    restored["metadata"]["labels"] = key["metadata"]["labels"]
    await mighty.create(SECRETS, restored)


async def mighty_person(world: World, group: str, resources: list[str] | None) -> KubeClient:
    """Somebody whom RBAC lets do everything to these resources; to all there are if none is named."""
    role = "cluster-admin"
    if resources is not None:
        role = group
        rule = {"apiGroups": [""], "resources": resources, "verbs": ["*"]}
        made = CLUSTER_ROLES.manifest(role, rules=[rule])
        await world.root.apply(CLUSTER_ROLES, made, field_manager="test", force=True)
    binding = CLUSTER_ROLE_BINDINGS.manifest(group)
    binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    binding["subjects"] = [{"kind": "Group", "name": group, "apiGroup": "rbac.authorization.k8s.io"}]
    await world.root.apply(CLUSTER_ROLE_BINDINGS, binding, field_manager="test", force=True)
    return world.root.acting_as(User(f"oidc:{group}", (group,)))


async def eventually_allowed(who: KubeClient, home: str) -> None:
    """Delete the key, once RBAC knows the new binding; the test's own time limit ends this."""
    while True:
        try:
            return await who.delete(SECRETS, names.AGE_KEY_SECRET, home)
        except Forbidden as refusal:
            if "cannot delete" not in str(refusal):
                raise


async def eventually_refused(
    who: KubeClient, resource: Resource, name: str, change: Mapping[str, Any], says: str
) -> None:
    """Wait until the refusal is that of the policy and not of RBAC, which needs a moment to know a new binding."""
    while "cannot patch" in (message := await refused(who.merge_patch(resource, name, None, change))):
        pass
    assert says in message
