"""What oidc-registrar may do on a real API server, and what not; what tenants may write on a Secret that asks for a client."""

import base64
from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.kube import SECRETS, Forbidden, KubeClient, Object
from app_platform.namespace_rbac.adapters import KubernetesCluster
from app_platform.oidc_registrar import deployments
from app_platform.oidc_registrar.adapters import DEPLOYMENTS
from app_platform.oidc_registrar.ports import FINALIZER
from integration.policies.conftest import Team, World, refused


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def asking(team: Team, name: str = "web", **annotations: str) -> Object:
    """A Secret as the guide has it."""
    manifest = SECRETS.manifest(name, team.home, stringData={"hostname": "a.hcl.labrats.work"})
    manifest["metadata"]["labels"] = {names.OIDC_CLIENT_LABEL: name, names.APP_LABEL: team.name}
    manifest["metadata"]["annotations"] = {f"labrats.work/{key}": value for key, value in annotations.items()}
    return manifest


@pytest.fixture
def registrar(world: World) -> KubeClient:
    return world.service("oidc-registrar")


async def test_the_registrar_writes_what_it_has_to(world: World, registrar: KubeClient) -> None:
    await world.mine.admin.create(SECRETS, asking(world.mine))
    patch = {
        "metadata": {"annotations": {names.OIDC_STATUS: "Pending"}, "finalizers": [FINALIZER]},
        "data": {"clientSecret": encoded("x")},
    }
    await registrar.merge_patch(SECRETS, "web", world.mine.home, patch, metadata_only=True)
    # It may let go of one that asks for nothing any more.
    await world.root.merge_patch(
        SECRETS, "web", world.mine.home, {"metadata": {"labels": {names.OIDC_CLIENT_LABEL: None}}}
    )
    await registrar.merge_patch(SECRETS, "web", world.mine.home, {"metadata": {"finalizers": None}})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data": {"hostname": encoded("evil.hcl.labrats.work")}}, "clientSecret only"),
        ({"data": {"more": encoded("x")}}, "clientSecret only"),
        ({"data": {"hostname": None}}, "clientSecret only"),
        ({"metadata": {"labels": {names.OIDC_CLIENT_LABEL: "other"}}}, "leaves labels"),
    ],
)
async def test_the_registrar_changes_nothing_else_of_it(
    world: World, registrar: KubeClient, change: dict[str, Any], says: str
) -> None:
    await world.mine.admin.create(SECRETS, asking(world.mine))
    assert says in await refused(registrar.merge_patch(SECRETS, "web", world.mine.home, change))


async def test_the_registrar_has_no_way_to_other_secrets(world: World, registrar: KubeClient) -> None:
    note = {"metadata": {"annotations": {"x": "y"}}}
    attempt = registrar.merge_patch(SECRETS, names.AGE_KEY_SECRET, world.mine.home, note)
    assert "only Secrets that ask for an OIDC client" in await refused(attempt)
    labelled = {"metadata": {"labels": {names.OIDC_CLIENT_LABEL: "x"}}}
    await refused(registrar.merge_patch(SECRETS, names.AGE_KEY_SECRET, world.mine.home, labelled))
    for namespace in (world.mine.home, names.SYSTEM_NAMESPACE, names.AUTHELIA, world.mine.dev):
        with pytest.raises(Forbidden):
            await registrar.create(SECRETS, SECRETS.manifest("made", namespace))
    for elsewhere in (None, names.SYSTEM_NAMESPACE, names.AUTHELIA, world.mine.dev):
        with pytest.raises(Forbidden):
            await registrar.list(SECRETS, elsewhere, metadata_only=True)
    with pytest.raises(Forbidden):
        await registrar.delete(SECRETS, names.AGE_KEY_SECRET, world.mine.home)


async def test_the_registrar_fills_the_two_secrets_that_it_is_given(registrar: KubeClient) -> None:
    for name, namespace in (
        (names.DASHBOARD_OIDC_SECRET, names.SYSTEM_NAMESPACE),
        (names.OIDC_CLIENTS_SECRET, names.AUTHELIA),
    ):
        found = await registrar.get(SECRETS, name, namespace)
        note = {
            "metadata": {"resourceVersion": found["metadata"]["resourceVersion"], "annotations": {"a": "b"}}
        }
        await registrar.merge_patch(SECRETS, name, namespace, note, metadata_only=True)


async def test_the_registrar_rolls_authelia_and_changes_nothing_else_of_it(registrar: KubeClient) -> None:
    async def deployment() -> Object:
        return await registrar.get(DEPLOYMENTS, names.AUTHELIA, names.AUTHELIA)

    version = (await deployment())["metadata"]["resourceVersion"]
    await registrar.merge_patch(
        DEPLOYMENTS, names.AUTHELIA, names.AUTHELIA, deployments.roll("abc", "7", version)
    )
    container = (await deployment())["spec"]["template"]["spec"]["containers"][0]
    for spec in (
        {"replicas": 0},
        {"paused": True},
        {"template": {"spec": {"containers": [{**container, "image": "evil"}]}}},
        {"template": {"spec": {"hostNetwork": True}}},
        {"template": {"metadata": {"annotations": {"other": "x"}}}},
        {"template": {"metadata": {"labels": {"other": "x"}}}},
    ):
        attempt = registrar.merge_patch(DEPLOYMENTS, names.AUTHELIA, names.AUTHELIA, {"spec": spec})
        assert "its own two annotations" in await refused(attempt), spec
    with pytest.raises(Forbidden):
        await registrar.delete(DEPLOYMENTS, names.AUTHELIA, names.AUTHELIA)


@pytest.mark.parametrize("annotation", ["oidc-status", "oidc-fingerprint", "oidc-rotated", "oidc-message"])
async def test_tenants_do_not_write_what_the_registrar_says(world: World, annotation: str) -> None:
    attempt = world.mine.admin.create(SECRETS, asking(world.mine, **{annotation: "Registered"}))
    assert "the App Platform writes them" in await refused(attempt)


async def test_tenants_may_ask_for_a_new_secret(world: World) -> None:
    await world.mine.admin.create(SECRETS, asking(world.mine, **{"oidc-rotate": "1"}))


async def test_secret_reader_gets_those_that_the_registrar_has_taken(
    world: World, registrar: KubeClient
) -> None:
    for name in ("taken", "refused", "going"):
        await world.mine.admin.create(SECRETS, asking(world.mine, name))
    for name in ("taken", "going"):
        held = {"metadata": {"finalizers": [FINALIZER]}}
        await registrar.merge_patch(SECRETS, name, world.mine.home, held, metadata_only=True)
    await world.root.delete(SECRETS, "going", world.mine.home)
    observed = await KubernetesCluster(world.service("namespace-rbac")).observe(world.mine.name, [])
    assert observed.oidc_secrets == {"taken"}
