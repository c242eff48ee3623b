"""Reading the history for pages, and telling them that more has happened."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from app_platform.contracts import Envelope, SecretIntentChanged
from app_platform.dashboard.timelines import past
from app_platform.dashboard.web.live import CHANGED
from app_platform.runtime.consumers import UnreachableError
from app_platform.runtime.history import Query, Recorded
from support.fakes.past import MemoryPast

AT = datetime(2026, 1, 1, tzinfo=UTC)


def recorded(app: str, sequence: int) -> Recorded:
    event = SecretIntentChanged(app=app, name="a", uid="u", resource_version=str(sequence))
    return Recorded(event, Envelope("/app-platform/watcher", AT), sequence, "")


async def test_what_was_told_of_an_app_is_read_with_its_times() -> None:
    told = await past.told(MemoryPast([recorded("my-app", 1), recorded("other", 2)]), "my-app")
    assert [(each.event.app, each.at, each.sequence) for each in told] == [("my-app", AT, 1)]


async def test_a_stream_begins_with_changed() -> None:
    async with asyncio.timeout(5), aclosing(cast("Any", past.changes(MemoryPast(), "my-app"))) as stream:
        texts = [text async for text in _first(stream, 2)]
    assert texts[1] == CHANGED


async def test_a_history_that_does_not_answer_ends_the_stream_and_nothing_else() -> None:
    class Away(MemoryPast):
        async def latest(self, query: Query, most: int) -> list[Recorded]:
            raise UnreachableError(f"away: {query.app} {most}")

    async with asyncio.timeout(5), aclosing(cast("Any", past.changes(Away(), "my-app"))) as stream:
        assert [text async for text in stream if text == CHANGED] == []
    with pytest.raises(UnreachableError):
        await past.told(Away(), "my-app")


async def _first(stream: Any, count: int) -> Any:
    async for text in stream:
        yield text
        count -= 1
        if not count:
            return
