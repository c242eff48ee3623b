"""Streams and buckets that are there already, on a real nats-server and on a cluster of three."""

import contextlib

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from app_platform.runtime import RuntimeSettings
from app_platform.runtime.connection import connected
from app_platform.runtime.streams import BUCKETS, EVENTS, STREAMS, bucket_stream, ensure_streams
from support.nats import until
from support.nats_cluster import NatsCluster

NAMES = (*(each.name for each in STREAMS), *(bucket_stream(each.name) for each in BUCKETS))
MEGABYTE = 1024 * 1024
PATIENCE = 90.0


async def test_a_history_that_is_too_large_loses_its_oldest_and_takes_what_is_new(
    nc: Client, js: JetStreamContext, settings: RuntimeSettings
) -> None:
    piece = b"x" * 100_000
    for number in range(20):
        await js.publish(f"app-platform.events.app.kind.{number}.verb", piece)
    assert (await js.stream_info(EVENTS)).state.bytes > 2_000_000, "it has no end of itself"
    await ensure_streams(nc.jetstream(), settings.model_copy(update={"event_bytes": MEGABYTE}))
    before = (await js.stream_info(EVENTS)).state
    assert before.first_seq > 10
    assert (await js.publish("app-platform.events.app.kind.20.verb", piece)).seq == 21
    after = (await js.stream_info(EVENTS)).state
    assert after.bytes <= MEGABYTE
    assert (after.first_seq, after.last_seq) == (before.first_seq + 1, 21)


async def test_buckets_get_as_many_copies_as_the_streams(nats_cluster: NatsCluster) -> None:
    settings = RuntimeSettings(nats_url=nats_cluster.url)
    async with connected(settings, "test") as nc:
        js = nc.jetstream()

        async def copies() -> dict[str, int | None]:
            return {name: (await js.stream_info(name)).config.num_replicas for name in NAMES}

        async def have(number: int) -> bool:
            with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, TimeoutError):
                await ensure_streams(js, settings.model_copy(update={"stream_replicas": number}))
                return await copies() == dict.fromkeys(NAMES, number)
            return False

        await until(lambda: have(1), "one of each", within=PATIENCE)
        await until(lambda: have(3), "three of each", within=PATIENCE)

        async def all_caught_up() -> bool:
            clusters = [(await js.stream_info(name)).cluster for name in NAMES]
            return all(
                c and len(c.replicas or ()) == 2 and all(p.current for p in c.replicas or ())
                for c in clusters
            )

        await until(all_caught_up, "each copy is there", within=PATIENCE)
