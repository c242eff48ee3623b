"""Dry runs: a service says what it would do about an event, with the state of today, and does nothing.

A request is a CloudEvent on ``app-platform.dry-run.<service>`` (core NATS, so nothing of it is stored); one replica answers. It
runs the very handler that would get the event, on ports that read as usual and note what they would write; a service makes
these itself (``Service.dry``), one small class for each port, so that a method which writes cannot be forgotten: without it the
class does not fit the port.

Guarantees: no message of a stream is touched, no event told, no metric counted.
Leaves out: what the writes themselves would have brought about, such as another replica being faster, or the next stage.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from app_platform.contracts import Event, SecretEncrypted, UnreadableEventError, decode, encode, subjects
from app_platform.contracts.cloudevents import Envelope, dataref_of
from app_platform.contracts.dry_run import DryRun, Steps
from app_platform.runtime import event_data
from app_platform.runtime.consume import Work
from app_platform.runtime.consumers import UnreachableError
from app_platform.runtime.outcomes import Done, Outcome, P
from app_platform.runtime.publish import PublishError

_LOG: Final = logging.getLogger(__name__)
_SECONDS: Final = 60.0
NOT_MINE: Final = "this service does nothing about such an event"

Dry = Callable[[P, Steps], P]
"""Makes of a service's ports such that note what they would write."""


class DrySink:
    """An ``EventSink`` that notes what would be told."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    async def publish(self, *events: Event) -> None:
        """Note the events."""
        for event in events:
            detail = (
                ", ".join(file.path for file in event.files) if isinstance(event, SecretEncrypted) else ""
            )
            self._steps.would("tell", f"{event.kind} {event.verb} {event.app}/{event.name}", detail)


@dataclass(frozen=True)
class Rehearsing(Generic[P]):
    """Answers requests for one service.

    Attributes:
        nc: Connected client.
        work: The service's table.
        dry: See ``Dry``.
    """

    nc: Client
    work: Work[P]
    dry: Dry[P]

    async def run(self) -> None:
        """Answer until cancelled."""
        subject = subjects.dry_run_subject(self.work.service)
        subscription = await self.nc.subscribe(subject, queue=self.work.service)
        async for message in subscription.messages:
            await self._answer(message)

    async def _answer(self, message: Msg) -> None:
        try:
            told = await self._rehearse(message.data)
            await message.respond(json.dumps(told.to_json()).encode())
        except nats.errors.Error as error:
            _LOG.warning("a dry run could not be answered: %s", type(error).__name__)

    async def _rehearse(self, request: bytes) -> DryRun:
        try:
            data = await event_data.fetch(self.nc, dataref_of(request), _SECONDS)
            event, _ = decode(request, data)
        except UnreadableEventError as error:
            return DryRun(f"Reject: {error}")
        handler = self.work.handlers.get(type(event))
        if handler is None:
            return DryRun(NOT_MINE)
        steps = Steps()
        return DryRun.of(
            await self._outcome(lambda: handler(self.dry(self.work.ports, steps), [event])), steps
        )

    async def _outcome(self, handle: Callable[[], Awaitable[Outcome]]) -> str:
        transient: tuple[type[Exception], ...] = (PublishError, *self.work.transient)
        try:
            return _words(await handle())
        except transient as error:
            return f"Retry: {type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - whoever asks is told, and the service goes on
            _LOG.exception("a dry run failed")
            return f"Retry: internal error in {self.work.service} ({type(error).__name__}); its log says more"


def _words(outcome: Outcome) -> str:
    kind = type(outcome).__name__
    return kind if isinstance(outcome, Done) else f"{kind}: {outcome.reason}"


async def ask(
    nc: Client, service: str, event: Event, envelope: Envelope, seconds: float = _SECONDS
) -> DryRun:
    """What a service would do about an event.

    Raises:
        UnreachableError: No replica of it answers in time.
    """
    subject = subjects.dry_run_subject(service)
    try:
        answer = await nc.request(subject, encode(event, envelope), timeout=seconds)
    except nats.errors.NoRespondersError:
        raise UnreachableError(f"no replica of {service} answers, or it knows no dry runs") from None
    except (nats.errors.Error, TimeoutError) as error:
        raise UnreachableError(f"{service} does not answer: {type(error).__name__}") from None
    fields: Mapping[str, object] = json.loads(answer.data)
    return DryRun.from_json(dict(fields))
