"""Reading the history, and giving parts of it to a service again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest
from nats.js import JetStreamContext

from app_platform.contracts import Event, RegistrationChanged
from app_platform.runtime import Batch, Outcome, Reject
from app_platform.runtime.history import GoneError, History, Query, Recorded
from app_platform.runtime.publish import Publisher
from support.consuming import Consuming, Seen, changed
from support.nats import until


async def names(found: AsyncIterator[Recorded]) -> list[str]:
    return [recorded.event.name async for recorded in found]


async def test_an_empty_history_is_empty(history: History) -> None:
    assert await names(history.events(Query())) == []
    assert [x async for x in history.dead_letters()] == []


async def test_a_long_history_is_read_whole_and_in_order(history: History, publisher: Publisher) -> None:
    told = [changed(f"i-{n}") for n in range(1500)]
    await publisher.publish(*told)
    recorded = [r async for r in history.events(Query())]
    assert [r.sequence for r in recorded] == list(range(1, 1501))
    assert {r.event.name for r in recorded} == {e.name for e in told}


async def test_of_a_long_history_the_latest_are_kept(history: History, publisher: Publisher) -> None:
    assert await history.latest(Query(), 10) == []
    await publisher.publish(*(changed(f"i-{n}") for n in range(600)))
    latest = await history.latest(Query(), 10)
    assert [recorded.sequence for recorded in latest] == list(range(591, 601))


async def test_a_query_selects(history: History, publisher: Publisher) -> None:
    registration = RegistrationChanged(app="my-app", name="my-app", uid="u", resource_version="1")
    events: list[Event] = [changed("one"), changed("tls.example"), changed("one", app="other"), registration]
    for event in events:
        await publisher.publish(event)
    assert len(await names(history.events(Query()))) == 4
    assert await names(history.events(Query(app="other"))) == ["one"]
    assert await names(history.events(Query(kind="registration"))) == ["my-app"]
    assert await names(history.events(Query(name="tls.example"))) == ["tls.example"]
    assert await names(history.events(Query(app="my-app", name="one"))) == ["one"]
    assert await names(history.events(Query(app="nobody"))) == []
    now = datetime.now(UTC)
    assert len(await names(history.events(Query(since=now - timedelta(hours=1))))) == 4
    assert await names(history.events(Query(since=now + timedelta(hours=1)))) == []


async def test_reading_leaves_no_trace(history: History, publisher: Publisher, js: JetStreamContext) -> None:
    await publisher.publish(changed("one"))
    for _ in range(3):
        await names(history.events(Query()))
    assert (await js.stream_info("EVENTS")).state.messages == 1
    assert [c.config.durable_name for c in await js.consumers_info("EVENTS") if c.config.durable_name] == []


async def test_following_tells_what_comes(history: History, publisher: Publisher) -> None:
    await publisher.publish(changed("before"))
    got: list[str] = []

    async def follow() -> None:
        async with aclosing(history.events(Query(), follow=True)) as events:  # type: ignore[type-var]  # a generator
            async for recorded in events:
                got.append(recorded.event.name)  # noqa: PERF401 - it never ends, and is looked at meanwhile

    task = asyncio.create_task(follow())
    await until(lambda: got == ["before"], "what was there is told")
    await publisher.publish(changed("after"))
    await until(lambda: got == ["before", "after"], "what came is told")
    task.cancel()


async def test_what_others_wrote_into_the_stream_is_passed_over(
    history: History, publisher: Publisher, js: JetStreamContext
) -> None:
    await js.publish("app-platform.events.a.secret-intent.x.changed", b"no event")
    await publisher.publish(changed("one"))
    assert await names(history.events(Query())) == ["one"]
    with pytest.raises(GoneError):
        await history.event_at(1)


async def test_events_until_a_time_are_told(history: History, publisher: Publisher) -> None:
    await publisher.publish(changed("one"))
    await publisher.publish(changed("two"))
    first = await history.event_at(1)
    assert await names(history.events(Query(until=first.envelope.time))) == ["one"]
    assert await names(history.events(Query(until=first.envelope.time - timedelta(seconds=1)))) == []


async def test_an_event_is_found_by_its_position(history: History, publisher: Publisher) -> None:
    await publisher.publish(changed("one"))
    recorded = await history.event_at(1)
    assert (recorded.event, recorded.envelope.source) == (changed("one"), "/app-platform/test")
    with pytest.raises(GoneError, match="event 99"):
        await history.event_at(99)


async def test_a_replay_reaches_one_service_only(
    consuming: Consuming, history: History, publisher: Publisher
) -> None:
    async with consuming(service="one") as one, consuming(service="two") as two:
        await publisher.publish(changed("a"))
        await until(lambda: one.names == two.names == ["a"], "both handled it")
        await history.replay("one", await history.event_at(1))
        await history.replay("one", await history.event_at(1))
        await until(lambda: one.names == ["a"] * 3, "it is replayed to one, twice")
        await publisher.publish(changed("b"))
        await until(lambda: "b" in two.names, "the other goes on")
    assert two.names == ["a", "b"]
    assert set(one.events) == {changed("a"), changed("b")}


async def test_replays_are_no_events_of_the_history(history: History, publisher: Publisher) -> None:
    await publisher.publish(changed("a"))
    await history.replay("one", await history.event_at(1))
    assert await names(history.events(Query())) == ["a"]


async def test_a_redrive_gives_the_event_back_and_takes_the_letter_away(
    consuming: Consuming, history: History, publisher: Publisher
) -> None:
    async def refuse(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        return Reject("no")

    async def letters() -> list[int]:
        return [position async for position, _ in history.dead_letters()]

    async def has_letter() -> bool:
        return bool(await letters())

    async with consuming(refuse, service="one"), consuming(service="two") as two:
        await publisher.publish(changed("a"))
        await until(has_letter, "it is a dead letter")
        await until(lambda: two.names == ["a"], "the other service has handled it")
    async with consuming(service="one") as one, consuming(service="two") as two:
        (position,) = await letters()
        assert (await history.redrive(position)).event == changed("a")
        await until(lambda: one.names == ["a"], "it is handled now")
        assert await letters() == []
        await publisher.publish(changed("b"))
        await until(lambda: two.names == ["b"], "the other service gets only what is new")
    with pytest.raises(GoneError, match="no dead letter"):
        await history.redrive(position)


async def test_a_redriven_event_that_fails_again_is_a_letter_again(
    consuming: Consuming, history: History, publisher: Publisher
) -> None:
    async def refuse(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        return Reject("no")

    async def letters() -> list[int]:
        return [position async for position, _ in history.dead_letters()]

    async def is_one_after(position: int) -> bool:
        return [p for p in await letters() if p > position] != []

    async with consuming(refuse):
        await publisher.publish(changed("a"))
        await until(lambda: is_one_after(0), "it is a dead letter")
        await history.redrive(1)
        await until(lambda: is_one_after(1), "it is a dead letter again")
        assert await letters() == [2]


async def test_letters_are_listed_by_service_and_app(
    consuming: Consuming, history: History, publisher: Publisher
) -> None:
    async def refuse(_seen: Seen, _batch: Batch) -> Outcome:
        return Reject("no")

    async def listed(service: str | None = None, app: str | None = None) -> list[tuple[str, str]]:
        return sorted([(x.service, x.app) async for _, x in history.dead_letters(service, app)])

    async def all_four() -> bool:
        return len(await listed()) == 4

    async with consuming(refuse, service="one"), consuming(refuse, service="two"):
        await publisher.publish(changed("x", app="a"), changed("x", app="b"))
        await until(all_four, "four dead letters")
    assert await listed(service="one") == [("one", "a"), ("one", "b")]
    assert await listed(app="b") == [("one", "b"), ("two", "b")]
    assert await listed("two", "a") == [("two", "a")]
    assert (await history.dead_letter(1)).reason == "no"
