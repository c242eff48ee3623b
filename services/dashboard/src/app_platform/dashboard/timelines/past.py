"""Reads what happened from the history of events, and tells when more happens.

Guarantees: changes nothing; memory is bounded, as only the latest events are kept. Leaves out: who may see what, which pages ask first.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from app_platform.dashboard.timelines.stories import Told
from app_platform.dashboard.web.live import stream
from app_platform.runtime.history import Query, Recorded

MOST: Final = 5_000
"""Events of an app that are looked at; the latest ones."""
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""By which the clock of NATS may be behind ours, without anything being missed."""


class Past(Protocol):
    """The history of events."""

    def events(self, query: Query, *, follow: bool = False) -> AsyncIterator[Recorded]:
        """Events in the order they were told; with ``follow``, also those to come, without end."""
        ...

    async def latest(self, query: Query, most: int) -> list[Recorded]:
        """The latest ones, in the order they were told.

        Raises:
            UnreachableError: They cannot be read.
        """
        ...


async def told(past: Past, app: str) -> list[Told]:
    """What was told of an app, in that order.

    Raises:
        UnreachableError: The history does not answer.
    """
    found = await past.latest(Query(app=app), MOST)
    return [Told(each.event, each.envelope.time, each.sequence) for each in found]


async def changes(past: Past, app: str) -> AsyncIterator[str]:
    """The text of a stream of server-sent events: "changed" at the start and whenever something is told of an app."""
    something = asyncio.Event()
    something.set()
    following = asyncio.create_task(_follow(past, app, something))
    try:
        async with aclosing(stream(something)) as texts:
            async for text in texts:
                if following.done():
                    return  # the history does not answer; the browser tries again
                yield text
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _follow(past: Past, app: str, something: asyncio.Event) -> None:
    query = Query(app=app, since=datetime.now(UTC) - _CLOCKS_DIFFER)
    async with aclosing(past.events(query, follow=True)) as events:  # type: ignore[type-var]  # an async generator
        async for _ in events:
            something.set()
