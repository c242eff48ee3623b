"""A durable consumer: receives events, hands them to handlers in batches, and alone settles the messages.

Guarantees
- Every message ends acknowledged, given back for later, or kept as a dead letter; none is logged and dropped.
- Events of one app that wait for the same handler are handled together, in order of arrival, one batch at a time; apps do
  not wait for each other. While a batch runs, the next one gathers, so load makes batches larger instead of later.
- A message in hand is kept alive (``in_progress``) however long its handler takes; a killed replica's messages come
  again to another after ``ack_wait``.
- An unexpected exception is a retry, and its events are handled alone next time. Exceptions named as transient are a
  retry of the whole batch.

Leaves out: order between replicas. Handlers read the present state and decide by it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Generic

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from app_platform.contracts import (
    Event,
    UnknownEventTypeError,
    UnreadableEventError,
    decode,
    subjects,
    type_of,
)
from app_platform.contracts.cloudevents import dataref_of
from app_platform.runtime import dead_letters, event_data, streams, telemetry, tracing
from app_platform.runtime.connection import jetstream
from app_platform.runtime.dead_letters import DeadLetter
from app_platform.runtime.event_data import DataMissingError
from app_platform.runtime.inbox import Inbox
from app_platform.runtime.outcomes import (
    Backoff,
    Batch,
    Done,
    GaveUp,
    Handler,
    HandlerTable,
    Outcome,
    P,
    Reject,
    Retry,
    Wait,
)
from app_platform.runtime.publish import PublishError
from app_platform.runtime.pull import Pull
from app_platform.runtime.settings import RuntimeSettings

_LOG: Final = logging.getLogger(__name__)
_UNREADABLE: Final = "unreadable"
"""In metrics, the type of an event whose type cannot be known."""
_LOOKS: Final = 4
"""For data that is not there: the copy of the stream that answered may have been a moment behind."""


@dataclass(frozen=True)
class Delivery:
    """One event as it arrived.

    Attributes:
        attempt: Which delivery this is, from 1.
        sequence: Position in the EVENTS stream.
        told: When it was told.
    """

    event: Event
    message: Msg
    attempt: int
    sequence: int
    told: datetime


@dataclass(frozen=True)
class Work(Generic[P]):
    """What a service does with events.

    Attributes:
        service: Its name, which is also the durable consumer's.
        ports: Handed to every handler.
        handlers: Which handler takes which event.
        gave_up: Shows on the object why its events were given up.
        transient: Exceptions that mean "try the batch again", besides ``PublishError``.
    """

    service: str
    ports: P
    handlers: HandlerTable[P]
    gave_up: GaveUp[P]
    transient: tuple[type[Exception], ...] = ()


class Consumer(Generic[P]):
    """Runs one service's work from one replica.

    Args:
        nc: Connected client.
        work: The service's table.
        settings: Limits.
        backoff: How long retries wait.
    """

    def __init__(
        self, nc: Client, work: Work[P], settings: RuntimeSettings, backoff: Backoff | None = None
    ) -> None:
        self._nc = nc
        self._js = jetstream(nc)
        self._work = work
        self._settings = settings
        self._backoff = backoff or Backoff()
        self._inbox: Inbox[tuple[Handler[P], str], Delivery] = Inbox(settings.max_batch)
        self._workers: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(settings.concurrency)
        filters = streams.filters_of(work.service, work.handlers)
        self._pull = Pull(nc, work.service, filters, self._receive, self._room)

    @property
    def ready(self) -> bool:
        """Whether messages can come."""
        return self._pull.bound

    def show_counts(self) -> None:
        """Show counters that are zero, so that the first increase of one is seen as such."""
        for event_class in self._work.handlers:
            kind = {"type": type_of(event_class)}
            telemetry.instruments().dead.add(0, kind)
            telemetry.instruments().redelivered.add(0, kind)
        telemetry.instruments().dead.add(0, {"type": _UNREADABLE})

    async def run(self) -> None:
        """Consume until cancelled; then finish what runs, within the grace period, and give the rest back."""
        pulling = asyncio.create_task(self._pull.run(), name="pull")
        beating = asyncio.create_task(self._keep_alive(), name="keep-alive")
        try:
            await asyncio.gather(pulling, beating)
        finally:
            pulling.cancel()
            await self._wind_down()
            beating.cancel()
            await asyncio.gather(pulling, beating, return_exceptions=True)

    def _room(self) -> int:
        return self._settings.in_hand - len(self._inbox)

    async def _receive(self, message: Msg) -> None:
        ref = dataref_of(message.data)
        if ref is None:
            await self._take_in(message, ref)
            return
        # Messages arrive one after the other: one whose data is slow to come must not keep the others waiting.
        fetching = asyncio.create_task(self._take_in(message, ref), name="fetch event data")
        self._workers.add(fetching)
        fetching.add_done_callback(self._workers.discard)

    async def _take_in(self, message: Msg, ref: str | None) -> None:
        try:
            delivery = await self._read(message, ref)
        except UnknownEventTypeError as error:
            if not await self._left_to_another(message):
                await self._bury_unreadable(message, str(error))
            return
        except UnreadableEventError as error:
            if isinstance(error, DataMissingError) and message.metadata.num_delivered < _LOOKS:
                await _settle(message.nak(delay=self._backoff.delay(message.metadata.num_delivered)))
            else:
                await self._bury_unreadable(message, str(error))
            return
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            _LOG.warning("event data cannot be fetched yet: %s", type(error).__name__)
            await _settle(message.nak(delay=self._backoff.delay(message.metadata.num_delivered)))
            return
        handler = self._work.handlers.get(type(delivery.event))
        if handler is not None:
            self._enqueue(handler, delivery)
        elif not await self._left_to_another(message):
            # Replayed to this service by mistake, or no replica of a later version is there any more.
            await _settle(message.ack())

    async def _left_to_another(self, message: Msg) -> bool:
        """Give back what only a later version can handle, of which a replica may run beside this one during an upgrade."""
        tries = message.metadata.num_delivered
        if tries >= self._settings.max_deliver or message.subject.startswith(f"{subjects.REPLAY}."):
            return False
        await _settle(message.nak(delay=self._backoff.delay(tries)))
        return True

    async def _read(self, message: Msg, ref: str | None) -> Delivery:
        data = await event_data.fetch(self._nc, ref, self._settings.publish_timeout)
        event, envelope = decode(message.data, data)
        self._check_subject(message.subject, event)
        meta = message.metadata
        return Delivery(event, message, meta.num_delivered, meta.sequence.stream, envelope.time)

    def _check_subject(self, subject: str, event: Event) -> None:
        """Who may tell what is decided by subject, so an event that comes on another's is nobody's."""
        service = self._work.service
        if subject not in {subjects.event_subject(event), subjects.replay_subject(service, event)}:
            raise UnreadableEventError("it came on the subject of another event")

    def _enqueue(self, handler: Handler[P], delivery: Delivery) -> None:
        key = (handler, delivery.event.app)
        telemetry.instruments().in_hand.add(1)
        if delivery.attempt > 1:
            telemetry.instruments().redelivered.add(1, {"type": delivery.event.type})
        if self._inbox.put(key, delivery):
            worker = asyncio.create_task(self._drain(key), name=f"{handler.__name__} {delivery.event.app}")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _drain(self, key: tuple[Handler[P], str]) -> None:
        while batch := self._inbox.take(key):
            async with self._slots:
                await self._process(key[0], batch)
            telemetry.instruments().in_hand.add(-len(batch))
            self._pull.wake()

    async def _process(self, handler: Handler[P], batch: Sequence[Delivery]) -> None:
        first = batch[0]
        name = f"{self._work.service} {handler.__name__}"
        with (
            structlog.contextvars.bound_contextvars(
                event_id=first.event.id, app=first.event.app, batch=len(batch)
            ),
            tracing.handling(name, [(d.event.name, d.message.headers or {}) for d in batch]) as span,
        ):
            outcome = await self._outcome(handler, batch)
            span.set_attribute("app_platform.outcome", type(outcome).__name__.lower())
            await self._settle_all(batch, outcome)

    async def _outcome(self, handler: Handler[P], batch: Sequence[Delivery]) -> Outcome:
        started = time.monotonic()
        transient: tuple[type[Exception], ...] = (PublishError, *self._work.transient)
        try:
            outcome = await handler(self._work.ports, [d.event for d in batch])
            if isinstance(outcome, Retry | Reject):
                _count_error(handler, outcome.kind)
            return outcome  # noqa: TRY300 - what is caught below are the handler's errors
        except transient as error:
            _count_error(handler, type(error).__name__)
            return Retry(f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - a defect in a handler must not lose its events: they come again
            _LOG.exception("handler %s failed", handler.__name__)
            _count_error(handler, type(error).__name__)
            self._inbox.suspect(batch)
            return Retry(
                f"internal error in {self._work.service} ({type(error).__name__}); its log says more"
            )
        finally:
            telemetry.instruments().duration.record(time.monotonic() - started, {"handler": handler.__name__})

    async def _settle_all(self, batch: Sequence[Delivery], outcome: Outcome) -> None:
        kind = type(outcome).__name__.lower()
        for delivery in batch:
            telemetry.instruments().handled.add(1, {"type": delivery.event.type, "outcome": kind})
        match outcome:
            case Done():
                _record_ages(batch)
                self._inbox.clear(batch)
                await asyncio.gather(*(_settle(d.message.ack()) for d in batch))
            case Retry(reason, after):
                await self._retry(batch, reason, after)
            case Wait(reason, after):
                self._inbox.waited(batch)
                await self._give_back(batch, reason, self._backoff.delay(1, after))
            case Reject(reason):
                await self._give_up(batch, reason)

    async def _retry(self, batch: Sequence[Delivery], reason: str, after: float) -> None:
        tries = {d.sequence: d.attempt - self._inbox.waits_of(d) for d in batch}
        spent = [d for d in batch if tries[d.sequence] >= self._settings.max_deliver]
        again = [d for d in batch if tries[d.sequence] < self._settings.max_deliver]
        if spent:
            await self._give_up(spent, reason)
        if again:
            delay = self._backoff.delay(max(tries[d.sequence] for d in again), after)
            await self._give_back(again, reason, delay)

    async def _give_back(self, batch: Sequence[Delivery], reason: str, delay: float) -> None:
        """Have messages come again, with one delay for all, so that what was together comes back as one batch."""
        _LOG.warning("again in %.1f s: %s", delay, reason)
        await asyncio.gather(*(_settle(d.message.nak(delay=delay)) for d in batch))

    async def _give_up(self, batch: Sequence[Delivery], reason: str) -> None:
        reason = dead_letters.shortened(reason)
        _LOG.error("given up: %s", reason)
        try:
            await self._work.gave_up(self._work.ports, [d.event for d in batch], reason)
        except Exception:  # noqa: BLE001 - see below
            # The reason must still be kept; the object learns of it at the next resync.
            _LOG.exception("the reason could not be shown on the object")
        self._inbox.clear(batch)
        await asyncio.gather(*(self._bury(d, reason) for d in batch))

    async def _bury(self, delivery: Delivery, reason: str) -> None:
        event = delivery.event
        letter = DeadLetter(
            service=self._work.service,
            event_id=event.id,
            event_type=event.type,
            app=event.app,
            name=event.name,
            sequence=delivery.sequence,
            attempts=delivery.attempt,
            reason=reason,
            time=dead_letters.now(),
        )
        await self._keep_and_end(delivery.message, subjects.dead_subject(self._work.service, event), letter)

    async def _bury_unreadable(self, message: Msg, reason: str) -> None:
        meta = message.metadata
        letter = DeadLetter(
            service=self._work.service,
            event_id="",
            event_type="",
            app="",
            name="",
            sequence=meta.sequence.stream,
            attempts=meta.num_delivered,
            reason=dead_letters.shortened(reason),
            time=dead_letters.now(),
        )
        await self._keep_and_end(message, subjects.dead_unreadable_subject(self._work.service), letter)

    async def _keep_and_end(self, message: Msg, subject: str, letter: DeadLetter) -> None:
        try:
            await dead_letters.keep(self._js, subject, letter, self._settings.publish_timeout)
        except PublishError as error:
            _LOG.warning("%s; the message will come again", error)
            await _settle(message.nak(delay=self._backoff.cap))
            return
        telemetry.instruments().dead.add(1, {"type": letter.event_type or _UNREADABLE})
        await _settle(message.term())

    async def _keep_alive(self) -> None:
        seconds = await self._pull.ack_wait() / 3
        while True:
            await asyncio.sleep(seconds)
            for delivery in self._inbox.held():
                await _settle(delivery.message.in_progress())

    async def _wind_down(self) -> None:
        for delivery in self._inbox.drain():
            await _settle(delivery.message.nak())
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=self._settings.grace)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for delivery in self._inbox.held():
            await _settle(delivery.message.nak())


def _count_error(handler: Handler[P], kind: str) -> None:
    telemetry.instruments().errors.add(1, {"handler": handler.__name__, "error": kind})


def _record_ages(batch: Sequence[Delivery]) -> None:
    now = datetime.now(UTC)
    for delivery in batch:
        # Clocks of two machines may differ: an event is not told after it was handled.
        age = max(0.0, (now - delivery.told).total_seconds())
        telemetry.instruments().age.record(age, {"type": delivery.event.type})


async def _settle(action: Awaitable[None]) -> None:
    """Send an acknowledgement; when NATS is away, the message simply comes again."""
    try:
        await action
    except (nats.errors.Error, nats.js.errors.Error) as error:
        _LOG.warning("could not settle a message, it will come again: %s", type(error).__name__)


async def nothing_to_show(_ports: P, _batch: Batch, _reason: str) -> None:
    """A ``GaveUp`` for services whose objects show the reason in another way."""
