"""oidc-registrar's ports on a real API server, as its ServiceAccount: what is read, written, overtaken and let go."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from app_platform.contracts import names
from app_platform.kube import (
    NAMESPACES,
    ROLE_BINDINGS,
    SECRETS,
    ClusterConfig,
    Forbidden,
    KubeClient,
    NotFound,
    Object,
)
from app_platform.namespace_rbac import manifests
from app_platform.oidc_registrar.adapters import (
    AutheliaDeployment,
    KubernetesClients,
    KubernetesDashboard,
    KubernetesLedger,
)
from app_platform.oidc_registrar.ports import FINALIZER, ConflictError, Mark
from support.people import Anybody
from support.samples import CANARY

ACCOUNT = Anybody(
    f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:oidc-registrar",
    ("system:serviceaccounts", "system:authenticated"),
)


@pytest.fixture
async def root(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(ClusterConfig.load({"KUBECONFIG": str(kubeconfig)}), user_agent="test") as client:
        yield client


@pytest.fixture
def registrar(root: KubeClient) -> KubeClient:
    return root.acting_as(ACCOUNT)


@pytest.fixture
async def app(root: KubeClient, registrar: KubeClient) -> str:
    """An app's platform namespace with the registrar's binding."""
    name = f"oidc{uuid4().hex[:8]}"
    home = names.platform_namespace(name)
    await root.create(NAMESPACES, manifests.namespace(name, home, names.ROLE_PLATFORM))
    binding = manifests._service_binding(name, home, "oidc-registrar")  # noqa: SLF001 - as namespace-rbac makes it
    await root.create(ROLE_BINDINGS, binding)
    while True:
        try:
            await registrar.list(SECRETS, home, metadata_only=True)
        except Forbidden:  # until the API server knows the binding; the test's own time limit ends this
            continue
        return name


async def make(
    root: KubeClient, app: str, name: str = "web", label: str | None = "web", **data: str
) -> Object:
    manifest = SECRETS.manifest(name, names.platform_namespace(app), stringData={"hostname": "h", **data})
    manifest["metadata"]["labels"] = {names.APP_LABEL: app} | (
        {names.OIDC_CLIENT_LABEL: label} if label else {}
    )
    return await root.create(SECRETS, manifest, metadata_only=True)


async def test_only_what_asks_for_a_client_is_read(root: KubeClient, registrar: KubeClient, app: str) -> None:
    await make(root, app)
    await make(root, app, "intent", None)
    (found,) = await KubernetesClients(registrar).read(app)
    assert (found.name, found.type, found.data) == ("web", "Opaque", {"hostname": b"h"})
    assert found.created
    assert not found.deleting


async def test_marks_are_written_once_and_not_over_a_change(
    root: KubeClient, registrar: KubeClient, app: str
) -> None:
    await make(root, app)
    clients = KubernetesClients(registrar)
    (before,) = await clients.read(app)
    mark = Mark(
        "web",
        before.uid,
        before.resource_version,
        {names.OIDC_STATUS: "Pending"},
        (FINALIZER,),
        client_secret="made",
    )
    await clients.mark(app, mark)
    (after,) = await clients.read(app)
    assert after.data == {"hostname": b"h", "clientSecret": b"made"}
    assert (after.annotations[names.OIDC_STATUS], after.finalizers) == ("Pending", (FINALIZER,))
    with pytest.raises(ConflictError):
        await clients.mark(app, mark)
    with pytest.raises(ConflictError):
        await clients.mark(app, replace(mark, name="gone"))
    empty = Mark("web", after.uid, after.resource_version, {names.OIDC_STATUS: None}, client_secret="")
    await clients.mark(app, empty)
    (last,) = await clients.read(app)
    assert last.data == {"hostname": b"h"}
    assert names.OIDC_STATUS not in last.annotations


async def test_one_that_cannot_be_changed_is_known_and_can_be_told(
    root: KubeClient, registrar: KubeClient, app: str
) -> None:
    await make(root, app)
    fixed = {"immutable": True}
    await root.merge_patch(SECRETS, "web", names.platform_namespace(app), fixed, metadata_only=True)
    clients = KubernetesClients(registrar)
    (found,) = await clients.read(app)
    assert found.immutable
    told = Mark("web", found.uid, found.resource_version, {names.OIDC_STATUS: "Failed: …"})
    await clients.mark(app, told)


@pytest.mark.parametrize("way", ["deleted", "label taken off"])
async def test_one_that_goes_stays_until_it_is_let_go(
    root: KubeClient, registrar: KubeClient, app: str, way: str
) -> None:
    made = await make(root, app)
    clients, home = KubernetesClients(registrar), names.platform_namespace(app)
    meta = made["metadata"]
    await clients.mark(app, Mark("web", meta["uid"], meta["resourceVersion"], finalizers=(FINALIZER,)))
    if way == "deleted":
        await root.delete(SECRETS, "web", home)
    else:
        taken_off = {"metadata": {"labels": {names.OIDC_CLIENT_LABEL: None}}}
        await root.merge_patch(SECRETS, "web", home, taken_off, metadata_only=True)
    (going,) = await clients.read(app)
    assert going.deleting
    await clients.mark(app, Mark("web", going.uid, going.resource_version, finalizers=()))
    assert await clients.read(app) == []
    if way == "deleted":
        with pytest.raises(NotFound):
            await root.get(SECRETS, "web", home)


async def test_the_list_is_written_only_over_what_was_read(registrar: KubeClient) -> None:
    ledger = KubernetesLedger(registrar, names.AUTHELIA)
    first = await ledger.load()
    assert first is not None
    await ledger.store({"test-a": b"1", "test-b": b"\x00\xff"}, first.version)
    with pytest.raises(ConflictError):
        await ledger.store({"test-a": b"2"}, first.version)
    second = await ledger.load()
    assert second is not None
    assert (second.files["test-a"], second.files["test-b"]) == (b"1", b"\x00\xff")
    assert CANARY not in repr(second)


async def test_authelia_is_rolled_only_as_it_was_read(registrar: KubeClient) -> None:
    provider = AutheliaDeployment(registrar, names.AUTHELIA, names.AUTHELIA, "http://127.0.0.1:1")
    before = await provider.rollout()
    assert before is not None
    await provider.roll("digest", uuid4().hex, before.version)
    with pytest.raises(ConflictError):
        await provider.roll("other", "2", before.version)
    after = await provider.rollout()
    assert after is not None
    assert after.digest == "digest"
    assert not await provider.is_healthy(), "nobody listens there"


async def test_what_is_not_there_is_none(registrar: KubeClient, root: KubeClient) -> None:
    assert await AutheliaDeployment(root, "default", "authelia", "http://127.0.0.1:1").rollout() is None
    assert await KubernetesLedger(root, "default").load() is None


async def test_the_dashboards_secret_is_filled(registrar: KubeClient, root: KubeClient) -> None:
    dashboard = KubernetesDashboard(registrar)
    before = await dashboard.load()
    assert before is not None
    await dashboard.store(f"{CANARY}-dashboard", before.resource_version)
    with pytest.raises(ConflictError):
        await dashboard.store("late", before.resource_version)
    found = await root.get(SECRETS, names.DASHBOARD_OIDC_SECRET, names.SYSTEM_NAMESPACE)
    values = {key: base64.b64decode(value).decode() for key, value in found["data"].items()}
    assert values == {"clientId": "app-platform-dashboard", "clientSecret": f"{CANARY}-dashboard"}
