"""How the store of NATS stands, asked of a real nats-server and of a cluster of three."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from app_platform.runtime import RuntimeSettings
from app_platform.runtime.connection import connected
from app_platform.runtime.publish import Publisher
from app_platform.runtime.storage import Storage
from app_platform.runtime.streams import ensure_streams
from support.consuming import changed
from support.metrics import Metrics
from support.nats import NatsServer, until
from support.nats_cluster import NatsCluster

STREAMS = {"EVENTS", "DEAD_LETTERS", "EVENT_DATA", "KV_BUDGETS", "KV_SESSIONS"}
PATIENCE = 90.0


@asynccontextmanager
async def watched(
    nc: Client, told: Metrics, allowed: int | None = None, seconds: float = 0.2
) -> AsyncIterator[Callable[[str], dict[str, float]]]:
    """The numbers of each stream, by its name, while they are kept up to date."""
    looking = asyncio.create_task(Storage(nc, allowed, seconds).run())

    def of(metric: str) -> dict[str, float]:
        found = told.values(f"app_platform.{metric}")
        return {labels.removeprefix("stream=").strip('"'): value for labels, value in found.items()}

    try:
        yield of
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def test_what_is_stored_is_told_and_nothing_while_nats_is_away(
    nc: Client, publisher: Publisher, nats_server: NatsServer, told: Metrics
) -> None:
    await publisher.publish(changed("one"), changed("two"))
    async with watched(nc, told) as of:
        await until(lambda: of("stream.messages").get("EVENTS") == 2, "two events are stored")
        assert of("stream.messages").keys() == STREAMS
        assert of("stream")["EVENTS"] > 100
        assert set(of("stream.led").values()) == {1}
        assert set(of("stream.copies.missing").values()) == {0}
        assert of("jetstream.storage")[""] >= sum(of("stream").values())
        assert of("jetstream.storage_limit") == {}, "the account has no limit"
        nats_server.kill()
        await until(lambda: of("stream.led") == of("jetstream.storage") == {}, "nothing is known", within=60)
        nats_server.start()
        await until(lambda: of("stream.messages").get("EVENTS") == 2, "and it is known again", within=60)


async def test_the_limit_is_the_one_that_is_set(nc: Client, told: Metrics) -> None:
    async with watched(nc, told, allowed=1000) as of:
        await until(lambda: of("jetstream.storage_limit") == {"": 1000}, "the limit is told")


async def test_a_stream_that_is_not_there_is_led_by_nobody(nc: Client, told: Metrics) -> None:
    await nc.jetstream().delete_stream("DEAD_LETTERS")
    async with watched(nc, told) as of:
        await until(lambda: of("stream.led").get("DEAD_LETTERS") == 0, "it is noticed")
        assert of("stream.messages").keys() == STREAMS - {"DEAD_LETTERS"}


async def test_a_stream_that_comes_is_seen_soon_also_by_who_seldom_looks(
    settings: RuntimeSettings, told: Metrics
) -> None:
    async with connected(settings, "test") as nc, watched(nc, told, seconds=3600) as of:
        await until(lambda: set(of("stream.led").values()) == {0}, "none is there")
        await ensure_streams(nc.jetstream(), settings)
        await until(lambda: set(of("stream.led").values()) == {1}, "all are there")


async def test_copies_that_go_are_counted_until_nobody_leads(
    nats_cluster: NatsCluster, told: Metrics
) -> None:
    settings = RuntimeSettings(nats_url=nats_cluster.url, stream_replicas=3)
    async with connected(settings, "test") as nc:

        async def made() -> bool:
            with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, TimeoutError):
                await ensure_streams(nc.jetstream(), settings)
                return True
            return False

        await until(made, "the streams are there", within=PATIENCE)
        async with watched(nc, told) as of:
            all_well = dict.fromkeys(STREAMS, 0)
            await until(
                lambda: of("stream.copies.missing") == all_well, "all copies are there", within=PATIENCE
            )
            await Publisher(nc.jetstream(), "test", settings).publish(changed("one"))
            await until(lambda: of("stream")["EVENTS"] > 0, "an event is stored", within=PATIENCE)
            await until(
                lambda: of("jetstream.storage")[""] == 3 * sum(of("stream").values()),
                "each copy counts",
                within=PATIENCE,
            )
            first, second, _ = nats_cluster.nodes.values()
            first.kill()
            one_gone = dict.fromkeys(STREAMS, 1)
            await until(
                lambda: of("stream.copies.missing") == one_gone, "one copy of each is gone", within=PATIENCE
            )
            second.kill()
            nobody = dict.fromkeys(STREAMS, 0)
            await until(lambda: of("stream.led") == nobody, "two of three are gone", within=PATIENCE)
