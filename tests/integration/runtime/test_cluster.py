"""The runtime on a cluster of three nats-servers: what is confirmed is handled, whatever happens to one of them.

Two replicas consume while events are published without a pause; a node fails in the midst of it.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.errors import Error as JetStreamError

from app_platform.contracts import SecretIntentChanged
from app_platform.runtime import Backoff, PublishError, RuntimeSettings
from app_platform.runtime.bootstrap import Bootstrap
from app_platform.runtime.connection import connected
from app_platform.runtime.consume import Consumer, Work
from app_platform.runtime.history import History
from app_platform.runtime.permissions import Identity
from app_platform.runtime.publish import Publisher
from app_platform.runtime.streams import EVENTS, ensure_streams
from support.consuming import Seen, changed, note, show
from support.nats import until
from support.nats_cluster import NatsCluster, Node

SERVICE = "tester"
FEW = 50
PATIENCE = 90.0

Fault = Callable[[NatsCluster, Client], Coroutine[Any, Any, None]]


@pytest.fixture
def settings(nats_cluster: NatsCluster) -> RuntimeSettings:
    return RuntimeSettings(
        nats_url=nats_cluster.url, stream_replicas=3, publish_timeout=2.0, ack_wait=5.0, grace=5.0
    )


@asynccontextmanager
async def replica(settings: RuntimeSettings) -> AsyncIterator[Seen]:
    seen = Seen()
    async with connected(settings, SERVICE) as client:
        work = Work(SERVICE, seen, {SecretIntentChanged: note}, show)
        consumer = Consumer(client, work, settings, Backoff(first=0.05, cap=0.5))
        bootstrap = Bootstrap(client, settings, [Identity(SERVICE, hears=tuple(work.handlers))])
        tasks = [asyncio.create_task(work) for work in (bootstrap.run(), consumer.run())]
        try:
            await until(lambda: consumer.ready, "the consumer is ready", within=PATIENCE)
            yield seen
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def leader_of_stream(cluster: NatsCluster, nc: Client) -> Node:
    info = await nc.jetstream().stream_info(EVENTS)
    assert info.cluster is not None
    return cluster.nodes[info.cluster.leader or ""]


async def leader_of_consumer(cluster: NatsCluster, nc: Client) -> Node:
    info = await nc.jetstream().consumer_info(EVENTS, SERVICE)
    assert info.cluster is not None
    return cluster.nodes[info.cluster.leader or ""]


async def kill_and_start_again(cluster: NatsCluster, nc: Client) -> None:
    node = await leader_of_stream(cluster, nc)
    node.kill()
    await asyncio.sleep(3)
    node.start()


async def kill_the_consumers_leader_for_good(cluster: NatsCluster, nc: Client) -> None:
    (await leader_of_consumer(cluster, nc)).kill()


async def pause(cluster: NatsCluster, nc: Client) -> None:
    node = await leader_of_stream(cluster, nc)
    node.pause()
    await asyncio.sleep(8)
    node.go_on()


async def step_down(cluster: NatsCluster, nc: Client) -> None:
    before = await leader_of_stream(cluster, nc)
    await nc.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{EVENTS}", timeout=10)
    await nc.request(f"$JS.API.CONSUMER.LEADER.STEPDOWN.{EVENTS}.{SERVICE}", timeout=10)

    async def has_another() -> bool:
        with suppress(JetStreamError, KeyError, TimeoutError):
            return await leader_of_stream(cluster, nc) is not before
        return False

    await until(has_another, "another node leads")


async def publish_until_confirmed(publisher: Publisher, name: str) -> None:
    async def confirmed() -> bool:
        with suppress(PublishError):
            await publisher.publish(changed(name))
            return True
        return False

    await until(confirmed, f"{name} is confirmed", within=PATIENCE)


@pytest.mark.parametrize(
    "fault", [kill_and_start_again, kill_the_consumers_leader_for_good, pause, step_down]
)
async def test_nothing_is_lost(nats_cluster: NatsCluster, settings: RuntimeSettings, fault: Fault) -> None:
    names: list[str] = []
    async with AsyncExitStack() as stack:
        nc = await stack.enter_async_context(connected(settings, "test"))

        async def streams_are_there() -> bool:
            with suppress(JetStreamError, TimeoutError):
                await ensure_streams(nc.jetstream(), settings)
                return True
            return False

        await until(streams_are_there, "the cluster has chosen its leaders", within=PATIENCE)
        publisher = Publisher(nc.jetstream(), "test", settings)
        replicas = [await stack.enter_async_context(replica(settings)) for _ in range(2)]
        numbers = itertools.count()

        async def publish_one() -> None:
            names.append(f"i-{next(numbers)}")
            await publish_until_confirmed(publisher, names[-1])
            await asyncio.sleep(0.005)

        for _ in range(FEW):
            await publish_one()
        failing = asyncio.create_task(fault(nats_cluster, nc))
        while not failing.done():
            await publish_one()
        await failing
        for _ in range(FEW):
            await publish_one()

        def handled() -> set[str]:
            return {name for seen in replicas for name in seen.names}

        await until(lambda: handled() == set(names), "all that was confirmed is handled", within=PATIENCE)
        assert (await nc.jetstream().stream_info(EVENTS)).state.messages == len(names), "each is kept once"
        assert [letter async for letter in History(nc, "test", settings).dead_letters()] == []
