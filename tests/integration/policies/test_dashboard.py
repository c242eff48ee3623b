"""What the dashboard itself may write: intents, OIDC clients and deploy keys, and no other Secret of a platform namespace."""

from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.dashboard import deploy_keys
from app_platform.kube import GIT_REPOSITORIES, KUSTOMIZATIONS, SECRETS, Forbidden, KubeClient, Object
from integration.policies.conftest import World, refused

INTENT = {"labels": {names.SECRET_INTENT_LABEL: "true"}}


async def source(world: World) -> Object:
    """A GitRepository of a developer."""
    spec = {"url": "ssh://git@github.com/acme/web", "interval": "1m", "secretRef": {"name": "deploy-key-web"}}
    manifest = GIT_REPOSITORIES.manifest("web", world.mine.home, spec=spec)
    return await world.mine.developer.create(GIT_REPOSITORIES, manifest)


async def change(own: KubeClient, world: World, name: str, patch: dict[str, Any]) -> Object:
    return await own.merge_patch(SECRETS, name, world.mine.home, patch, metadata_only=True)


async def test_the_dashboard_makes_a_deploy_key_and_makes_another(world: World) -> None:
    own, web = world.service("dashboard"), await source(world)
    first = await deploy_keys.make(own, web, "github.com ssh-ed25519 AAAA\n", "oidc:dev")
    assert await deploy_keys.public_half(own, world.mine.name, "web") == first
    second = await deploy_keys.make(own, web, "github.com ssh-ed25519 AAAA\n", "oidc:dev")
    kept = await world.root.get(SECRETS, "deploy-key-web", world.mine.home)
    assert kept["metadata"]["annotations"] == {names.PUBLIC_KEY: second, names.CHANGED_BY: "oidc:dev"}
    assert kept["metadata"]["ownerReferences"][0]["uid"] == web["metadata"]["uid"]
    assert kept["data"].keys() == {"identity", "identity.pub", "known_hosts"}
    assert first != second
    await deploy_keys.remove(own, world.mine.name, "web")
    await deploy_keys.remove(own, world.mine.name, "web")
    assert await deploy_keys.public_half(own, world.mine.name, "web") == ""


async def test_the_dashboard_makes_no_other_secret(world: World) -> None:
    own = world.service("dashboard")
    for name, meta in (("database", INTENT), ("my-oidc-2", {}), ("git-credential", {})):
        manifest = SECRETS.manifest(name, world.mine.home)
        manifest["metadata"] |= meta
        assert "deploy keys only" in await refused(own.create(SECRETS, manifest))
    more = SECRETS.manifest("deploy-key-x", world.mine.home, stringData={"password": "x"})
    assert "identity" in await refused(own.create(SECRETS, more))
    with pytest.raises(Forbidden):
        await own.create(SECRETS, SECRETS.manifest("deploy-key-x", world.mine.dev))


async def test_the_dashboard_leaves_the_platforms_own_secrets_alone(world: World) -> None:
    own = world.service("dashboard")
    key = names.AGE_KEY_SECRET
    assert "deploy keys only" in await refused(change(own, world, key, {"data": {"age.agekey": ""}}))
    assert "deploy keys only" in await refused(change(own, world, key, {"metadata": INTENT}))
    assert "deploy keys only" in await refused(own.delete(SECRETS, key, world.mine.home))


async def test_the_dashboard_changes_intents_but_not_what_they_are(world: World) -> None:
    own = world.service("dashboard")
    manifest = SECRETS.manifest("database", world.mine.home)
    manifest["metadata"] |= INTENT
    await world.mine.admin.create(SECRETS, manifest)
    await change(own, world, "database", {"stringData": {"password": "x"}})
    unlabelled = {"metadata": {"labels": {names.SECRET_INTENT_LABEL: None}}}
    assert "leaves labels" in await refused(change(own, world, "database", unlabelled))
    await own.delete(SECRETS, "database", world.mine.home)


async def test_nobody_of_the_app_touches_a_deploy_key(world: World) -> None:
    own, web = world.service("dashboard"), await source(world)
    await deploy_keys.make(own, web, "github.com ssh-ed25519 AAAA\n", "oidc:dev")
    for role in ("admin", "developer", "reader"):
        person = world.mine.person(role)
        for attempt in (
            person.get(SECRETS, "deploy-key-web", world.mine.home),
            person.merge_patch(SECRETS, "deploy-key-web", world.mine.home, {}),
            person.delete(SECRETS, "deploy-key-web", world.mine.home),
        ):
            assert "cannot" in await refused(attempt)
    forged = SECRETS.manifest("deploy-key-mine", world.mine.home)
    forged["metadata"] |= INTENT
    assert "choose another name" in await refused(world.mine.admin.create(SECRETS, forged))


async def test_the_dashboard_hears_of_flux_objects_and_changes_none_by_itself(world: World) -> None:
    own = world.service("dashboard")
    await source(world)
    for resource in (GIT_REPOSITORIES, KUSTOMIZATIONS):
        await own.list(resource, world.mine.home, metadata_only=True)
        with pytest.raises(Forbidden):
            await own.create(resource, resource.manifest("x", world.mine.home, spec={}))
    with pytest.raises(Forbidden):
        await own.merge_patch(GIT_REPOSITORIES, "web", world.mine.home, {"spec": {"interval": "2m"}})
    with pytest.raises(Forbidden):
        await own.delete(GIT_REPOSITORIES, "web", world.mine.home)
