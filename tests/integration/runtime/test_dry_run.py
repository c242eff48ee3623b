"""Dry runs over a real nats-server: asked for, answered by one replica, and nothing stored."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from nats.aio.client import Client

from app_platform.contracts import SecretIntentChanged, SecretIntentDeleted
from app_platform.contracts.dry_run import Step, Steps
from app_platform.runtime import Batch, Done, Outcome, Retry, RuntimeSettings
from app_platform.runtime.connection import connected
from app_platform.runtime.consume import Work
from app_platform.runtime.consumers import UnreachableError
from app_platform.runtime.dry_run import NOT_MINE, DrySink, Rehearsing
from app_platform.runtime.history import History, Query, Recorded
from app_platform.runtime.publish import EventSink, Publisher
from support.consuming import changed
from support.nats import until


async def handler(sink: EventSink, batch: Batch) -> Outcome:
    """Tells the same again, and is not content with one name."""
    if batch[0].name == "broken":
        raise RuntimeError("for the test")
    await sink.publish(*batch)
    return Retry("come again") if batch[0].name == "later" else Done()


class Real:
    """An EventSink that must not be used."""

    async def publish(self, *_events: object) -> None:
        raise AssertionError("this is real")


def dry(_ports: EventSink, steps: Steps) -> EventSink:
    return DrySink(steps)


async def show(_ports: EventSink, _batch: Batch, _reason: str) -> None: ...


@asynccontextmanager
async def answering(settings: RuntimeSettings, service: str = "tester") -> AsyncIterator[None]:
    async with connected(settings, service) as nc:
        work: Work[EventSink] = Work(service, Real(), {SecretIntentChanged: handler}, show)
        task = asyncio.create_task(Rehearsing(nc, work, dry).run())
        try:
            await nc.flush()
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def recorded(history: History, name: str) -> Recorded:
    return next(iter([each async for each in history.events(Query(name=name))]))


@pytest.fixture(autouse=True)
async def told(publisher: Publisher) -> None:
    for name in ("one", "later", "broken"):
        await publisher.publish(changed(name))
    gone = SecretIntentDeleted(app="my-app", name="gone", uid="u", resource_version="1")
    await publisher.publish(gone)


async def test_a_service_says_what_it_would_do(
    nc: Client, history: History, settings: RuntimeSettings
) -> None:
    before = (await nc.jetstream().stream_info("EVENTS")).state.last_seq
    async with answering(settings):
        answers = [
            await history.rehearse("tester", await recorded(history, name)) for name in ("one", "later")
        ]
    assert answers[0].steps == (Step("tell", "secret-intent changed my-app/one"),)
    assert [each.outcome for each in answers] == ["Done", "Retry: come again"]
    assert (await nc.jetstream().stream_info("EVENTS")).state.last_seq == before


async def test_a_failing_handler_is_told_and_the_next_question_is_answered(
    history: History, settings: RuntimeSettings
) -> None:
    async with answering(settings):
        broken = await history.rehearse("tester", await recorded(history, "broken"))
        assert broken.outcome == "Retry: internal error in tester (RuntimeError); its log says more"
        assert (await history.rehearse("tester", await recorded(history, "one"))).outcome == "Done"
        assert (await history.rehearse("tester", await recorded(history, "gone"))).outcome == NOT_MINE


async def test_one_of_several_replicas_answers(
    nc: Client, history: History, settings: RuntimeSettings
) -> None:
    answers: list[bytes] = []

    async def count(message: object) -> None:
        answers.append(getattr(message, "data", b""))

    async with answering(settings), answering(settings):
        inbox = nc.new_inbox()
        await nc.subscribe(inbox, cb=count)
        raw = await nc.jetstream().get_msg("EVENTS", 1)
        await nc.publish("app-platform.dry-run.tester", raw.data or b"", reply=inbox)
        await until(lambda: answers, "an answer")
        # Whoever else had the first question answers it before this one.
        assert (await history.rehearse("tester", await recorded(history, "one"))).outcome == "Done"
    assert len(answers) == 1


async def test_nobody_there_is_said(history: History) -> None:
    with pytest.raises(UnreachableError, match="no replica of tester answers"):
        await history.rehearse("tester", await recorded(history, "one"))


async def test_large_data_is_fetched_by_the_service(settings: RuntimeSettings, nc: Client) -> None:
    small = replace_inline(settings)
    publisher, history = Publisher(nc.jetstream(), "test", small), History(nc, "test", small)
    await publisher.publish(changed("x" * 200 + "-large", resync="r" * 2000))
    found = [each async for each in history.events(Query())][-1]
    assert found.envelope.dataref is not None
    async with answering(settings):
        assert (await history.rehearse("tester", found)).outcome == "Done"


def replace_inline(settings: RuntimeSettings) -> RuntimeSettings:
    return settings.model_copy(update={"max_inline_bytes": 1024})


async def test_a_range_of_positions_is_read(history: History) -> None:
    async def positions(query: Query) -> list[int]:
        return [each.sequence async for each in history.events(query)]

    assert await positions(Query(first=2, last=3)) == [2, 3]
    assert await positions(replace(Query(name="one"), first=2)) == []
    assert await positions(Query(first=3)) == [3, 4]
