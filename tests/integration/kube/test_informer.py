"""Informers against a real API server, also one that dies."""

import asyncio
import base64
import gc
import json
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app_platform.kube import (
    CONFIG_MAPS,
    SECRETS,
    Change,
    ClusterConfig,
    Gone,
    Informer,
    KubeClient,
    Scope,
    Selector,
    informer,
)
from app_platform.local import Platform
from support.platform import PlatformFactory

Told = list[tuple[str, str, str]]


def label(obj: dict[str, Any]) -> str:
    return str(obj["metadata"].get("labels", {}).get("l", ""))


class Follower:
    """An informer at work, and what it told."""

    def __init__(self, client: KubeClient, scope: Scope, keep: Callable[[dict[str, Any]], str]) -> None:
        self.informer = Informer(client, scope, keep)
        self.changes: list[Change[str]] = []
        self._changed = asyncio.Condition()

    async def note(self, change: Change[str]) -> None:
        async with self._changed:
            self.changes.append(change)
            self._changed.notify_all()

    @property
    def told(self) -> Told:
        return [(change.type, change.key.name, change.value) for change in self.changes]

    async def until(self, is_so: Callable[[Told], bool]) -> Told:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: is_so(self.told))
        return self.told


@asynccontextmanager
async def following(
    client: KubeClient, scope: Scope, keep: Callable[[dict[str, Any]], str] = label
) -> AsyncIterator[Follower]:
    follower = Follower(client, scope, keep)
    task = asyncio.create_task(follower.informer.run(follower.note))
    synced = asyncio.create_task(follower.informer.synced.wait())
    try:
        await asyncio.wait({task, synced}, return_when="FIRST_COMPLETED")
        yield follower
    finally:
        for each in (task, synced):
            each.cancel()
        await asyncio.gather(task, synced, return_exceptions=True)


async def put(client: KubeClient, namespace: str, name: str, value: str) -> None:
    manifest = SECRETS.manifest(name, namespace, stringData={"k": "canary"})
    manifest["metadata"]["labels"] = {"l": value, "chosen": "yes"}
    await client.apply(SECRETS, manifest, field_manager="test", metadata_only=True)


async def test_what_was_there_what_comes_and_what_goes(client: KubeClient, namespace: str) -> None:
    for name in ("a", "b", "c"):
        await put(client, namespace, name, "1")
    async with following(client, Scope(SECRETS, namespace, metadata_only=True, page=2)) as follower:
        assert follower.told == [("added", "a", "1"), ("added", "b", "1"), ("added", "c", "1")]
        await put(client, namespace, "a", "2")
        await client.delete(SECRETS, "b", namespace)
        await put(client, namespace, "d", "3")
        told = await follower.until(lambda told: len(told) >= 6)
        assert told[3:] == [("modified", "a", "2"), ("deleted", "b", "1"), ("added", "d", "3")]
        assert {key.name: seen.value for key, seen in follower.informer.items.items()} == {
            "a": "2",
            "c": "1",
            "d": "3",
        }


async def test_only_metadata_arrives(client: KubeClient, namespace: str) -> None:
    seen: list[set[str]] = []

    def keep(obj: dict[str, Any]) -> str:
        seen.append(set(obj))
        return ""

    await put(client, namespace, "listed", "1")
    async with following(client, Scope(SECRETS, namespace, metadata_only=True), keep) as follower:
        await put(client, namespace, "watched", "1")
        await follower.until(lambda told: len(told) >= 2)
    assert len(seen) == 2
    assert set().union(*seen) <= {"apiVersion", "kind", "metadata"}


async def test_an_object_that_leaves_the_selection_is_deleted_for_us(
    client: KubeClient, namespace: str
) -> None:
    await put(client, namespace, "a", "1")
    scope = Scope(SECRETS, namespace, Selector(labels="chosen=yes"), metadata_only=True)
    async with following(client, scope) as follower:
        await client.merge_patch(
            SECRETS, "a", namespace, {"metadata": {"labels": {"chosen": "no"}}}, metadata_only=True
        )
        told = await follower.until(lambda told: len(told) >= 2)
        assert [(change[0], change[1]) for change in told] == [("added", "a"), ("deleted", "a")]


async def test_a_watch_that_the_server_ends_goes_on(
    client: KubeClient, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informer, "_WATCH_SECONDS", (1, 1))
    watches: list[str] = []
    watch = client.watch

    def counted(*arguments: Any, **options: Any) -> Any:
        watches.append(options["resource_version"])
        return watch(*arguments, **options)

    monkeypatch.setattr(client, "watch", counted)
    async with following(client, Scope(SECRETS, namespace, metadata_only=True)) as follower:
        while len(watches) < 3:
            await put(client, namespace, "a", str(len(watches)))
            await asyncio.sleep(0.2)
        await put(client, namespace, "a", "last")
        told = await follower.until(lambda told: told[-1][2] == "last")
    assert [change[0] for change in told] == ["added"] + ["modified"] * (len(told) - 1)
    assert len(set(told)) == len(told)


async def test_cancelling_leaves_nothing_behind(client: KubeClient, namespace: str) -> None:
    before = asyncio.all_tasks()
    async with following(client, Scope(SECRETS, namespace)):
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() == before


async def test_a_watch_holds_little_memory(client: KubeClient, namespace: str) -> None:
    async with following(client, Scope(SECRETS, namespace)):
        buffers = [len(vars(each)["_ssl_buffer"]) for each in gc.get_objects() if type(each) is SSLProtocol]
        assert buffers
        assert max(buffers) <= 32 * 2**10, "a watcher with a thousand apps has a thousand of these"


async def test_a_failing_receiver_ends_the_informer(client: KubeClient, namespace: str) -> None:
    async def fail(_: Change[str]) -> None:
        raise LookupError

    await put(client, namespace, "a", "1")
    with pytest.raises(LookupError):
        await Informer(client, Scope(SECRETS, namespace), keep=label).run(fail)


async def delete_behind_the_server(platform: Platform, namespace: str, name: str) -> None:
    """Delete a Secret in etcd itself, where no watch of a stopped API server can see it."""
    ports = json.loads((Path(platform.env["KUBECONFIG"]).parent.parent / "ports.json").read_text())
    key = base64.b64encode(f"/registry/secrets/{namespace}/{name}".encode()).decode()
    url = f"http://127.0.0.1:{ports['etcd']}/v3/kv/deleterange"
    async with aiohttp.ClientSession() as session, session.post(url, json={"key": key}) as response:
        assert (await response.json())["deleted"] == "1"


@pytest.fixture(scope="module")
def mortal(new_platform: PlatformFactory) -> Platform:
    """A platform of our own, whose API server may be stopped."""
    platform = new_platform("mortal")
    platform.up()
    return platform


async def restart(mortal: Platform) -> None:
    await asyncio.to_thread(mortal.control.start, "kube-apiserver")
    await asyncio.to_thread(mortal.control.wait_ready, ["kube-apiserver"], 60)


async def test_a_killed_server_and_what_vanished_meanwhile(mortal: Platform) -> None:
    config = ClusterConfig.load({"KUBECONFIG": mortal.env["KUBECONFIG"]})
    async with KubeClient(config) as client:
        for name in ("gone", "stays"):
            await put(client, "default", name, "1")
        async with following(client, Scope(SECRETS, "default", metadata_only=True)) as follower:
            await asyncio.to_thread(mortal.control.kill, "kube-apiserver")
            await asyncio.to_thread(mortal.control.stop, "kube-apiserver")
            await delete_behind_the_server(mortal, "default", "gone")
            await restart(mortal)
            # The server's history begins after the version that the watch knew, so this passes through 410 and a new list.
            await follower.until(lambda told: ("deleted", "gone", "1") in told)
            await put(client, "default", "stays", "2")
            told = await follower.until(lambda told: told[-1] == ("modified", "stays", "2"))
        assert told == [
            ("added", "gone", "1"),
            ("added", "stays", "1"),
            ("deleted", "gone", "1"),
            ("modified", "stays", "2"),
        ]


async def test_requests_wait_out_a_short_restart(mortal: Platform) -> None:
    config = ClusterConfig.load({"KUBECONFIG": mortal.env["KUBECONFIG"]})
    async with KubeClient(config) as client, following(client, Scope(CONFIG_MAPS, "default")) as follower:
        await asyncio.to_thread(mortal.control.kill, "kube-apiserver")
        await restart(mortal)
        await client.apply(CONFIG_MAPS, CONFIG_MAPS.manifest("after", "default"), field_manager="test")
        await follower.until(lambda told: ("added", "after", "") in told)
        with pytest.raises(Gone):  # a new server knows no history before its start
            await anext(client.watch(CONFIG_MAPS, "default", resource_version="1", seconds=5))
