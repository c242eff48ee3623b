"""What can be seen of a service's consumer from outside."""

import asyncio

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from app_platform.contracts import SecretIntentChanged
from app_platform.runtime import Batch, Done, Outcome, RuntimeSettings
from app_platform.runtime.consumers import ConsumerState, UnreachableError, consumer_states
from app_platform.runtime.lag import Lag
from app_platform.runtime.publish import Publisher
from app_platform.runtime.streams import ensure_consumer
from app_platform.runtime.telemetry import Reading
from support.consuming import Consuming, Seen, changed
from support.nats import NatsServer, until


async def only(nc: Client) -> ConsumerState:
    (state,) = await consumer_states(nc)
    return state


async def test_what_waits_and_what_is_in_hand_is_told(
    nc: Client, publisher: Publisher, consuming: Consuming
) -> None:
    going_on = asyncio.Event()

    async def slow(_seen: Seen, _batch: Batch) -> Outcome:
        await going_on.wait()
        return Done()

    async with consuming(slow):
        await publisher.publish(changed("one"))

        async def in_hand() -> bool:
            return (await only(nc)).in_hand == 1

        await until(in_hand, "the event is in hand")
        state = await only(nc)
        assert (state.name, state.waiting, state.redelivered) == ("tester", 0, 0)
        assert state.asking > 0
        assert state.last_delivery is not None
        assert state.last_ack is None
        going_on.set()

        async def settled() -> bool:
            return (await only(nc)).in_hand == 0

        await until(settled, "it is settled")
        assert (await only(nc)).last_ack is not None
    await publisher.publish(changed("two"), changed("three"))

    async def nobody_asks() -> bool:
        state = await only(nc)
        return (state.waiting, state.asking) == (2, 0)

    await until(nobody_asks, "two wait and no replica asks")


async def test_what_is_read_for_a_moment_is_no_service(nc: Client, publisher: Publisher) -> None:
    await publisher.publish(changed("one"))
    await nc.jetstream().subscribe("app-platform.events.>", ordered_consumer=True)
    assert await consumer_states(nc) == []


async def test_nats_away_is_said(nc: Client, nats_server: NatsServer) -> None:
    nats_server.kill()
    with pytest.raises(UnreachableError, match="NATS does not tell its consumers"):
        await consumer_states(nc)


async def test_how_far_behind_a_service_is_can_be_measured(
    nc: Client, js: JetStreamContext, publisher: Publisher, settings: RuntimeSettings, nats_server: NatsServer
) -> None:
    await ensure_consumer(js, "tester", [SecretIntentChanged], settings)
    await publisher.publish(changed("one"), changed("two"))
    lag = Lag(nc, "tester", seconds=0.1)
    looking = asyncio.create_task(lag.run())
    behind = [Reading(2, {"consumer": "tester"})]
    await until(lambda: lag.readings("waiting") == behind, "two events wait")
    assert lag.readings("in_hand") == [Reading(0, {"consumer": "tester"})]
    nats_server.kill()
    await until(lambda: lag.readings("waiting") == [], "nothing is said that is not known", within=60)
    nats_server.start()
    await until(lambda: lag.readings("waiting") == behind, "and again, when it is known", within=60)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
