"""The shared budget on a real nats-server: two replicas, a server that goes away, a store that is lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import nats.errors
import pytest
from nats.js.errors import KeyWrongLastSequenceError

from app_platform.runtime import RuntimeSettings
from app_platform.runtime.budget import Limit, SharedBudget, shown
from app_platform.runtime.connection import connected, jetstream
from app_platform.runtime.streams import BUDGETS, bucket_stream, ensure_streams
from support.metrics import Metrics
from support.nats import NatsServer, until

LIMITS = (Limit(80, 60), Limit(500, 3600))
MINUTE, HOUR = 'budget="writes",window="60s"', 'budget="writes",window="3600s"'


@dataclass
class Clock:
    """Time that a test lets pass."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass
class Replicas:
    """Two processes with one budget."""

    server: NatsServer
    one: SharedBudget
    two: SharedBudget
    clock: Clock = field(default_factory=Clock)


@pytest.fixture
async def replicas(nats_server: NatsServer) -> AsyncIterator[Replicas]:
    settings, clock = RuntimeSettings(nats_url=nats_server.url), Clock()
    async with connected(settings, "one") as one, connected(settings, "two") as two:
        await ensure_streams(jetstream(one), settings)
        first, second = (
            SharedBudget(nc.jetstream(), "github/test/org", LIMITS, "writes", clock, lambda: 0.5)
            for nc in (one, two)
        )
        yield Replicas(nats_server, first, second, clock)


async def test_two_replicas_never_spend_more_than_there_is(replicas: Replicas) -> None:
    attempts = [replicas.one.take(3), replicas.two.take(3)]
    attempts += [each.take(3) for _ in range(19) for each in (replicas.one, replicas.two)]
    waits = await asyncio.gather(*attempts)
    granted = waits.count(0.0)
    assert granted <= 26
    # Those that lost every race were told to wait although something was left; asking one after the other gives the rest.
    while not await replicas.one.take(3):
        granted += 1
    assert granted == 26, "80 a minute, three at a time"
    assert await replicas.two.take(3) >= 60


async def test_who_loses_every_race_waits_a_moment_and_takes_nothing(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await replicas.one.take(1) == 0

    async def outrun(*_: object, **__: object) -> int:
        raise KeyWrongLastSequenceError

    monkeypatch.setattr(replicas.one._bucket, "update", outrun)  # noqa: SLF001 - what another replica does to it
    assert 1 <= await replicas.one.take(1) <= 2
    assert await replicas.two.take(79) == 0, "only one was spent"


async def test_what_one_closes_is_closed_for_all_and_opens_by_itself(replicas: Replicas) -> None:
    assert await replicas.two.take(0) == 0
    await replicas.one.close(30)
    assert 30 <= await replicas.two.take(0) <= 45
    await replicas.one.close(5)
    assert await replicas.two.take(1) >= 30, "a shorter time does not open it"
    replicas.clock.now += 31
    assert await replicas.two.take(1) == 0


async def test_what_is_left_is_told_as_it_is_now_and_not_when_it_was_last_spent(
    replicas: Replicas, told: Metrics
) -> None:
    budget = shown(replicas.one)
    assert told.values("app_platform.budget.left") == {}, "nothing is known yet"
    assert await budget.take(71) == 0
    assert told.values("app_platform.budget.left") == {MINUTE: 9, HOUR: 429}
    replicas.clock.now += 62
    assert told.values("app_platform.budget.left") == {MINUTE: 80, HOUR: 429}
    replicas.clock.now += 3600
    assert told.values("app_platform.budget.left") == {MINUTE: 80, HOUR: 500}


async def test_two_budgets_are_told_apart_though_their_windows_are_alike(
    replicas: Replicas, told: Metrics
) -> None:
    points = SharedBudget(
        replicas.one.js, "github/test/org/points", (Limit(900, 60),), "points", replicas.clock
    )
    assert await shown(points).take(100) == 0
    assert await shown(replicas.one).take(1) == 0
    found = told.values("app_platform.budget.left")
    assert found == {'budget="points",window="60s"': 800, MINUTE: 79, HOUR: 499}


async def test_of_a_closed_budget_nothing_is_left_until_it_opens(replicas: Replicas, told: Metrics) -> None:
    await shown(replicas.one).close(30)
    assert told.values("app_platform.budget.left") == {MINUTE: 0, HOUR: 0}
    replicas.clock.now += 30
    assert told.values("app_platform.budget.left") == {MINUTE: 80, HOUR: 500}


async def test_without_nats_a_replica_has_a_quarter_for_itself(replicas: Replicas) -> None:
    assert await replicas.one.take(10) == 0
    replicas.server.kill()
    assert await replicas.one.take(10) == 0, "10 of 20 were spent together before"
    wait = await replicas.one.take(10)
    assert wait > 0
    await replicas.one.close(100)
    assert await replicas.one.take(0) >= 100
    replicas.clock.now += 200
    replicas.server.start()

    async def shared() -> bool:
        before = replicas.two.limits[0]
        await replicas.one.take(20)
        return await replicas.two.take(70) > 0 and before == LIMITS[0]

    await until(shared, "the budget is shared again")


async def test_after_a_lost_store_the_budget_is_shared_again(replicas: Replicas) -> None:
    assert await replicas.one.take(1) == 0
    settings = RuntimeSettings(nats_url=replicas.server.url)
    replicas.server.lose_store()

    async def restored() -> bool:
        with contextlib.suppress(nats.errors.Error, TimeoutError):
            await ensure_streams(replicas.one.js, settings)
            return True
        return False

    await until(restored, "the bucket is there again")

    async def shared() -> bool:
        await replicas.one.take(1)
        info = await replicas.one.js.stream_info(bucket_stream(BUDGETS))
        return info.state.messages > 0

    await until(shared, "what is spent is kept there")
