"""Our Kubernetes client and kubernetes-asyncio, the official project's, agree on the same API server."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kubernetes_asyncio import client as reference
from kubernetes_asyncio import config as reference_config

from app_platform.kube import (
    NAMESPACES,
    SECRETS,
    AlreadyExists,
    ClusterConfig,
    KubeClient,
    NotFound,
    Selector,
)

NAMESPACE = "agreed"
VALUE = b"\x00\xff value"


@pytest.fixture
async def ours(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})) as opened:
        try:
            await opened.create(NAMESPACES, NAMESPACES.manifest(NAMESPACE))
        except AlreadyExists:
            for secret in await opened.list(SECRETS, NAMESPACE):
                await opened.delete(SECRETS, secret["metadata"]["name"], NAMESPACE)
        yield opened


@pytest.fixture
async def theirs(kubeconfig: Path) -> AsyncIterator[reference.CoreV1Api]:
    settings = reference.Configuration()
    await reference_config.load_kube_config(str(kubeconfig), client_configuration=settings)
    async with reference.ApiClient(settings) as opened:
        yield reference.CoreV1Api(opened)


async def test_they_read_what_we_write(ours: KubeClient, theirs: reference.CoreV1Api) -> None:
    written = SECRETS.manifest(
        "one", NAMESPACE, data={"key": base64.b64encode(VALUE).decode()}, type="Opaque"
    )
    created = await ours.create(SECRETS, written)
    found = await theirs.read_namespaced_secret("one", NAMESPACE)
    assert base64.b64decode(found.data["key"]) == VALUE
    assert (found.metadata.uid, found.metadata.resource_version) == (
        created["metadata"]["uid"],
        created["metadata"]["resourceVersion"],
    )


async def test_we_read_what_they_write(ours: KubeClient, theirs: reference.CoreV1Api) -> None:
    body = reference.V1Secret(
        metadata=reference.V1ObjectMeta(name="two", labels={"a": "b"}), string_data={"key": "value"}
    )
    created = await theirs.create_namespaced_secret(NAMESPACE, body)
    (found,) = await ours.list(SECRETS, NAMESPACE, Selector(labels="a=b"))
    assert (found["metadata"]["uid"], found["data"]) == (created.metadata.uid, created.data)


async def test_a_patch_of_ours_is_a_patch_of_theirs(ours: KubeClient, theirs: reference.CoreV1Api) -> None:
    await ours.create(SECRETS, SECRETS.manifest("three", NAMESPACE, stringData={"keep": "1", "drop": "2"}))
    await ours.merge_patch(SECRETS, "three", NAMESPACE, {"data": {"drop": None}}, metadata_only=True)
    found = await theirs.read_namespaced_secret("three", NAMESPACE)
    assert set(found.data) == {"keep"}


async def test_both_see_a_deletion(ours: KubeClient, theirs: reference.CoreV1Api) -> None:
    await ours.create(SECRETS, SECRETS.manifest("four", NAMESPACE))
    await theirs.delete_namespaced_secret("four", NAMESPACE)
    with pytest.raises(NotFound):
        await ours.get(SECRETS, "four", NAMESPACE)
