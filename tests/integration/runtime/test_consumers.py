"""What can be seen of a service's consumer from outside."""

import asyncio

import pytest
from nats.aio.client import Client

from app_platform.runtime import Batch, Done, Outcome
from app_platform.runtime.consumers import ConsumerState, UnreachableError, consumer_states
from app_platform.runtime.publish import Publisher
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
        going_on.set()

        async def settled() -> bool:
            return (await only(nc)).in_hand == 0

        await until(settled, "it is settled")
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
