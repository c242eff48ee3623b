"""Publishing typed events, each stored exactly once within JetStream's duplicate window.

Guarantees: when ``publish`` returns, every event is stored (or was already). It waits a bounded time. Trace context goes
into the headers; data over the inline limit goes to stream EVENT_DATA first (the claim-check pattern).
Leaves out: retrying. A handler that cannot publish fails, and its batch comes again.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext, api
from opentelemetry import propagate, trace

from app_platform.contracts import Envelope, Event, encode, subjects
from app_platform.contracts.cloudevents import CONTENT_TYPE, encode_data
from app_platform.runtime import event_data, streams, telemetry, tracing
from app_platform.runtime.settings import RuntimeSettings

_PIPELINE: Final = 256
"""Publishes in flight at once; synchronous disk writes make one at a time slow."""


class PublishError(Exception):
    """NATS did not confirm that an event was stored."""


class EventSink(Protocol):
    """Where a service tells what it did."""

    async def publish(self, *events: Event) -> None:
        """Store the events; raises ``PublishError`` when that is not sure."""
        ...


class Publisher:
    """The ``EventSink`` over JetStream.

    Args:
        js: Context of a connected client.
        service: Name of the publishing service, for the CloudEvents ``source``.
        settings: For the limits.
    """

    def __init__(self, js: JetStreamContext, service: str, settings: RuntimeSettings) -> None:
        self._js = js
        self._service = service
        self._source = f"/app-platform/{service}"
        self._settings = settings
        self._pipeline = asyncio.Semaphore(_PIPELINE)

    async def publish(self, *events: Event) -> None:
        """Store events, many at a time, in no particular order.

        Raises:
            PublishError: At least one is not known to be stored; publishing all of them again is safe.
        """
        results = await asyncio.gather(*map(self._publish_one, events), return_exceptions=True)
        failed = [r for r in results if isinstance(r, BaseException)]
        if failed:
            raise failed[0]

    async def publish_to(
        self, subject: str, event: Event, msg_id: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Store one event on a subject of its own, as replays do."""
        message = encode(event, Envelope(self._source, datetime.now(UTC), await self._stored(event)))
        await self._send(subject, message, msg_id, headers)

    async def _publish_one(self, event: Event) -> None:
        async with self._pipeline:
            with (
                tracing.about(event.name),
                tracing.tracer().start_as_current_span(
                    f"publish {event.kind} {event.verb}",
                    kind=trace.SpanKind.PRODUCER,
                    attributes=tracing.messaging("send"),
                ),
            ):
                await self.publish_to(subjects.event_subject(event), event, event.id)
        telemetry.instruments().published.add(1, {"type": event.type})

    async def _stored(self, event: Event) -> str | None:
        data = encode_data(event)
        if len(data) <= self._settings.max_inline_bytes:
            return None
        try:
            return await event_data.store(self._js, self._service, data, self._settings.publish_timeout)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise PublishError(
                f"NATS did not store the data of {event.id!r}: {type(error).__name__}"
            ) from error

    async def _send(
        self, subject: str, message: bytes, msg_id: str, headers: Mapping[str, str] | None
    ) -> None:
        all_headers = {api.Header.MSG_ID.value: msg_id, "Content-Type": CONTENT_TYPE, **(headers or {})}
        propagate.inject(all_headers)
        try:
            await self._js.publish(
                subject,
                message,
                timeout=self._settings.publish_timeout,
                stream=streams.EVENTS,
                headers=all_headers,
            )
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise PublishError(f"NATS did not confirm {msg_id!r}: {type(error).__name__} {error}") from error
