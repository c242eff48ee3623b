"""Requests against a real API server."""

import dataclasses
import socket
from typing import Any

import pytest

from app_platform.kube import (
    CONFIG_MAPS,
    SECRETS,
    AlreadyExists,
    BadRequest,
    ClusterConfig,
    Conflict,
    Forbidden,
    Invalid,
    KubeClient,
    NotFound,
    Resource,
    Selector,
    Unauthorized,
    Unavailable,
)
from app_platform.kube.tokens import StaticToken


def secret(name: str, namespace: str, **data: str) -> dict[str, Any]:
    return SECRETS.manifest(name, namespace, stringData=data)


async def test_apply_owns_exactly_what_it_gives(client: KubeClient, namespace: str) -> None:
    async def apply(manager: str, *, force: bool = False, **data: str) -> Any:
        applied = CONFIG_MAPS.manifest("c", namespace, data=data)
        return (await client.apply(CONFIG_MAPS, applied, field_manager=manager, force=force)).get("data", {})

    assert await apply("one", a="1", b="1") == {"a": "1", "b": "1"}
    assert await apply("two", c="2") == {"a": "1", "b": "1", "c": "2"}
    with pytest.raises(Conflict, match=r'conflict with "one".*\.data\.a') as caught:
        await apply("two", a="2", c="2")
    assert caught.value.causes[0].field == ".data.a"
    assert await apply("two", a="2", c="2", force=True) == {"a": "2", "b": "1", "c": "2"}
    assert await apply("one") == {"a": "2", "c": "2"}


async def test_apply_needs_neither_kind_nor_version(client: KubeClient, namespace: str) -> None:
    bare = {"metadata": {"name": "c", "namespace": namespace}, "data": {"a": "1"}}
    assert (await client.apply(CONFIG_MAPS, bare, field_manager="one"))["kind"] == "ConfigMap"


async def test_no_write_gives_a_value_back(client: KubeClient, namespace: str) -> None:
    applied = secret("s", namespace, a="canary")
    answers = [
        await client.create(SECRETS, secret("s", namespace, a="canary"), metadata_only=True),
        await client.apply(SECRETS, applied, field_manager="one", force=True, metadata_only=True),
        await client.merge_patch(
            SECRETS, "s", namespace, {"metadata": {"labels": {"l": "1"}}}, metadata_only=True
        ),
        await client.json_patch(
            SECRETS,
            "s",
            namespace,
            [{"op": "add", "path": "/metadata/finalizers", "value": ["a.b/c"]}],
            metadata_only=True,
        ),
        await client.get(SECRETS, "s", namespace, metadata_only=True),
        *await client.list(SECRETS, namespace, metadata_only=True),
    ]
    assert [set(answer) <= {"apiVersion", "kind", "metadata"} for answer in answers] == [True] * 6
    assert answers[-1]["metadata"]["labels"] == {"l": "1"}
    assert (await client.get(SECRETS, "s", namespace))["data"] == {"a": "Y2FuYXJ5"}
    await client.delete(SECRETS, "s", namespace)
    deleted = await client.get(SECRETS, "s", namespace, metadata_only=True)
    assert "deletionTimestamp" in deleted["metadata"]


async def test_the_copy_that_kubectl_leaves_is_dropped(client: KubeClient, namespace: str) -> None:
    manifest = secret("s", namespace)
    manifest["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": "canary",
        "kept": "1",
    }
    answers = [
        await client.create(SECRETS, manifest),
        await client.get(SECRETS, "s", namespace, metadata_only=True),
        *await client.list(SECRETS, namespace, metadata_only=True),
    ]
    assert [answer["metadata"]["annotations"] for answer in answers] == [{"kept": "1"}] * 3


async def test_lists_come_in_pages_and_by_selector(client: KubeClient, namespace: str) -> None:
    for number in range(5):
        manifest = CONFIG_MAPS.manifest(f"c{number}", namespace)
        manifest["metadata"]["labels"] = {"odd": str(number % 2)}
        await client.create(CONFIG_MAPS, manifest)
    pages = [page async for page in client.pages(CONFIG_MAPS, namespace, limit=2)]
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert len({page.resource_version for page in pages}) == 1
    odd = await client.list(CONFIG_MAPS, namespace, Selector(labels="odd=1"))
    assert [item["metadata"]["name"] for item in odd] == ["c1", "c3"]


async def test_find_is_quiet_about_absence(client: KubeClient, namespace: str) -> None:
    assert await client.find(SECRETS, "s", namespace) is None
    await client.create(SECRETS, secret("s", namespace))
    found = await client.find(SECRETS, "s", namespace)
    assert found is not None
    assert (found["kind"], found["metadata"]["name"]) == ("Secret", "s")


async def test_absence_and_presence(client: KubeClient, namespace: str) -> None:
    with pytest.raises(NotFound) as missing:
        await client.get(SECRETS, "s", namespace)
    assert (missing.value.reason, missing.value.message) == ("NotFound", 'secrets "s" not found')
    with pytest.raises(NotFound):
        await client.delete(SECRETS, "s", namespace)
    await client.create(SECRETS, secret("s", namespace))
    with pytest.raises(AlreadyExists):
        await client.create(SECRETS, secret("s", namespace))


async def test_preconditions(client: KubeClient, namespace: str) -> None:
    made = (await client.create(SECRETS, secret("s", namespace)))["metadata"]
    old = {"metadata": {"resourceVersion": made["resourceVersion"], "labels": {"a": "1"}}}
    await client.merge_patch(SECRETS, "s", namespace, old)
    with pytest.raises(Conflict):
        await client.merge_patch(
            SECRETS, "s", namespace, {"metadata": old["metadata"] | {"labels": {"a": "2"}}}
        )
    with pytest.raises(Conflict):
        await client.delete(SECRETS, "s", namespace, uid="00000000-0000-0000-0000-000000000000")
    with pytest.raises(Conflict):
        await client.delete(SECRETS, "s", namespace, resource_version=made["resourceVersion"])
    await client.delete(SECRETS, "s", namespace, uid=made["uid"])


async def test_a_refused_secret_is_not_quoted(client: KubeClient, namespace: str) -> None:
    with pytest.raises(Invalid, match=r"data\[a key\] FieldValueInvalid") as invalid:
        await client.create(SECRETS, secret("s", namespace, **{"a key": "canary"}))
    with pytest.raises(BadRequest) as bad:
        await client.create(SECRETS, SECRETS.manifest("s", namespace, data={"a": "canary!"}))
    with pytest.raises(BadRequest) as worse:
        await client.create(SECRETS, SECRETS.manifest("s", namespace, data="canary"))
    for caught in (invalid, bad, worse):
        assert "canary" not in str(caught.value) + repr(caught.value.causes)


async def test_a_refused_object_names_its_fields(
    client: KubeClient, namespace: str, widgets: Resource
) -> None:
    with pytest.raises(Invalid, match="greater than or equal to 1") as caught:
        await client.create(widgets, widgets.manifest("w", namespace, spec={"size": 0}))
    assert caught.value.causes[0].field == "spec.size"


async def test_strangers_are_told_so(cluster: ClusterConfig) -> None:
    async with KubeClient(dataclasses.replace(cluster, token=None)) as anonymous:
        with pytest.raises(Forbidden, match="cannot list resource"):
            await anonymous.list(SECRETS, "default")
    async with KubeClient(dataclasses.replace(cluster, token=StaticToken("wrong"))) as stranger:
        with pytest.raises(Unauthorized):
            await stranger.list(SECRETS, "default")


async def test_a_refused_token_is_renewed_once(cluster: ClusterConfig) -> None:
    assert isinstance(cluster.token, StaticToken)
    right = cluster.token.value

    class Expired:
        async def get(self, *, renew: bool = False) -> str:
            return right if renew else "expired"

    async with KubeClient(dataclasses.replace(cluster, token=Expired())) as client:
        assert await client.find(CONFIG_MAPS, "none", "default") is None


async def test_a_server_that_is_not_there(cluster: ClusterConfig) -> None:
    with socket.socket() as reserved:  # bound, but nobody listens
        reserved.bind(("127.0.0.1", 0))
        config = dataclasses.replace(cluster, server=f"https://127.0.0.1:{reserved.getsockname()[1]}")
        async with KubeClient(config) as client:
            with pytest.raises(Unavailable, match="GET /api/v1/namespaces/default/secrets/s: ") as caught:
                await client.get(SECRETS, "s", "default")
    assert caught.value.transient
    with pytest.raises(Unavailable, match="closed"):
        await client.create(SECRETS, secret("s", "default"))
