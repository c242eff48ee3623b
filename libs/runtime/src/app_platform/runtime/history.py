"""Reading what happened, and giving it to a service again: behind the ``app-platform`` command and the dashboard.

Guarantees: reading makes nothing in NATS, not even a consumer. A replay reaches one service only and carries the same
event; a redrive does so for dead letters and then removes the letter. Leaves out: presentation.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from opentelemetry import propagate, trace
from opentelemetry.context import Context

from app_platform.contracts import Envelope, Event, UnreadableEventError, decode, subjects
from app_platform.contracts.cloudevents import dataref_of
from app_platform.contracts.dry_run import DryRun
from app_platform.runtime import direct, dry_run, event_data, streams
from app_platform.runtime.connection import jetstream, why
from app_platform.runtime.consumers import ConsumerState, UnreachableError, consumer_states
from app_platform.runtime.dead_letters import DeadLetter
from app_platform.runtime.publish import Publisher
from app_platform.runtime.settings import RuntimeSettings

_POLL: Final = 0.5
"""Seconds between two looks for what came."""
_DATA_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Recorded:
    """One event of the history.

    Attributes:
        sequence: Position in the EVENTS stream.
        trace_id: 32 hex digits, or empty.
    """

    event: Event
    envelope: Envelope
    sequence: int
    trace_id: str


@dataclass(frozen=True)
class Query:
    """Which events; ``None`` stands for any.

    Attributes:
        first: Position of the first one; instead of ``since``.
        last: Position of the last one.
        until: Only what was told until then, as each event says itself.
    """

    app: str | None = None
    kind: str | None = None
    name: str | None = None
    since: datetime | None = None
    first: int | None = None
    last: int | None = None
    until: datetime | None = None

    @property
    def subject(self) -> str:
        """The filter on subjects."""
        return subjects.event_filter(self.app, self.kind, self.name)


class GoneError(Exception):
    """An event or a dead letter is not kept any more, or cannot be read; the text says which."""


class History:
    """The recorded events and dead letters.

    Args:
        nc: Connected client.
        identity: Whose client it is; only ``operator`` may replay and redrive.
        settings: For limits.
    """

    def __init__(self, nc: Client, identity: str, settings: RuntimeSettings) -> None:
        self._nc = nc
        self._js = jetstream(nc)
        self._publisher = Publisher(self._js, identity, settings)

    async def events(self, query: Query, *, follow: bool = False) -> AsyncIterator[Recorded]:
        """Events in the order they were told; with ``follow``, also those to come, without end."""
        async for stored in self._read(query, follow=follow):
            if query.last is not None and stored.sequence > query.last:
                return
            try:
                recorded = await self._recorded(stored.data, stored.headers, stored.sequence)
            except UnreadableEventError:
                # Written by a later version, or by hand with another tool; it is not ours to show.
                continue
            if query.until is None or recorded.envelope.time <= query.until:
                yield recorded

    async def latest(self, query: Query, most: int) -> list[Recorded]:
        """The latest events that there are now, in the order they were told.

        Args:
            query: Which.
            most: How many at most; memory holds no more.

        Raises:
            UnreachableError: They cannot be read.
        """
        kept: deque[Recorded] = deque(maxlen=most)
        try:
            async for recorded in self.events(query):
                kept.append(recorded)
        except nats.errors.NoRespondersError:
            return []  # no stream yet, so nothing was ever told
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise UnreachableError(f"NATS does not tell its events: {why(self._nc, error)}") from error
        return list(kept)

    async def event_at(self, sequence: int) -> Recorded:
        """The event at a position.

        Raises:
            GoneError: It is not kept any more, or this version cannot read it.
        """
        try:
            raw = await self._js.get_msg(streams.EVENTS, sequence, direct=True)
            return await self._recorded(raw.data or b"", raw.headers or {}, sequence)
        except nats.js.errors.NotFoundError:
            raise GoneError(f"event {sequence} has left the history") from None
        except UnreadableEventError as error:
            raise GoneError(f"event {sequence} cannot be read: {error}") from None

    async def dead_letters(
        self, service: str | None = None, app: str | None = None
    ) -> AsyncIterator[tuple[int, DeadLetter]]:
        """Dead letters with their position in DEAD_LETTERS, oldest first.

        Raises:
            UnreachableError: They cannot be read.
        """
        subject = subjects.dead_filter(service, app)
        try:
            async for stored in direct.read(self._nc, streams.DEAD_LETTERS, subject):
                yield stored.sequence, DeadLetter.from_json(stored.data)
        except nats.errors.NoRespondersError:
            return  # no stream yet, so nothing was ever given up
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise UnreachableError(f"NATS does not tell its dead letters: {why(self._nc, error)}") from error

    async def consumers(self) -> list[ConsumerState]:
        """How far each service is; see ``consumer_states``."""
        return await consumer_states(self._nc)

    async def dead_letter(self, position: int) -> DeadLetter:
        """One dead letter.

        Raises:
            GoneError: There is none at that position.
        """
        try:
            raw = await self._js.get_msg(streams.DEAD_LETTERS, position, direct=True)
        except nats.js.errors.NotFoundError:
            raise GoneError(f"there is no dead letter {position}") from None
        return DeadLetter.from_json(raw.data or b"")

    async def redrive(self, position: int) -> Recorded:
        """Give a dead letter's event to its service again and remove the letter.

        Raises:
            GoneError: The letter or its event is not kept any more, or cannot be read; the letter stays.
        """
        letter = await self.dead_letter(position)
        recorded = await self.event_at(letter.sequence)
        await self.replay(letter.service, recorded)
        await self._js.delete_msg(streams.DEAD_LETTERS, position)
        return recorded

    async def replay(self, service: str, recorded: Recorded) -> None:
        """Give an event to one service again, under a new message id, so that it is not taken for a duplicate."""
        subject = subjects.replay_subject(service, recorded.event)
        await self._publisher.publish_to(subject, recorded.event, f"replay/{uuid.uuid4()}")

    async def rehearse(self, service: str, recorded: Recorded) -> DryRun:
        """What a service would do about an event now.

        Raises:
            UnreachableError: No replica of it answers.
        """
        return await dry_run.ask(self._nc, service, recorded.event, recorded.envelope)

    async def _recorded(self, body: bytes, headers: Mapping[str, str], sequence: int) -> Recorded:
        data = await self._data(body)
        event, envelope = decode(body, data)
        return Recorded(event, envelope, sequence, _trace_id(headers))

    async def _data(self, body: bytes) -> bytes | None:
        try:
            return await event_data.fetch(self._nc, dataref_of(body), _DATA_SECONDS)
        except TimeoutError:
            raise UnreadableEventError("its data does not come from the store") from None

    async def _read(self, query: Query, *, follow: bool) -> AsyncIterator[direct.Stored]:
        start: int | datetime = query.first or query.since or 1
        while True:
            try:
                async for stored in direct.read(self._nc, streams.EVENTS, query.subject, start):
                    start = stored.sequence + 1
                    yield stored
            except (TimeoutError, nats.errors.TimeoutError, nats.errors.NoRespondersError):
                if not follow:
                    raise
            if not follow:
                return
            await asyncio.sleep(_POLL)
            if isinstance(start, int) and await self._is_beyond_the_end(start):
                start = 1

    async def _is_beyond_the_end(self, start: int) -> bool:
        """Whether the stream is another one than what was read of, because NATS lost it."""
        try:
            return (await self._js.stream_info(streams.EVENTS)).state.last_seq < start - 1
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError):
            return False


def _trace_id(headers: Mapping[str, str]) -> str:
    context: Context = propagate.extract(dict(headers))
    span = trace.get_current_span(context).get_span_context()
    return format(span.trace_id, "032x") if span.is_valid else ""
