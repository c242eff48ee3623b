"""Events waiting to be published: the latest of each object, tried until NATS has them.

Guarantees: what was put in is published, or replaced by something newer of the same object; nothing is lost while NATS is
away, and memory is bounded by the number of objects. Leaves out: surviving a restart; then everything is listed anew.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app_platform.contracts import Event
from app_platform.runtime import EventSink, PublishError, tracing

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 500
_PAUSE: Final = 1.0


@dataclass(frozen=True)
class _Waiting:
    event: Event
    traceparent: str


class Outbox:
    """A queue keyed by object.

    Args:
        events: Where to publish.
    """

    def __init__(self, events: EventSink) -> None:
        self._events = events
        self._waiting: dict[tuple[str, ...], _Waiting] = {}
        self._filled = asyncio.Event()

    def put(self, event: Event, traceparent: str = "") -> None:
        """Queue an event in place of an older one of the same object; a resync is kept beside it.

        Args:
            event: To be told.
            traceparent: Of the trace that it goes on with; empty when it begins one. That of an older one is kept.
        """
        # By uid too: of one app's objects, one of each kind may have the same name.
        key = (event.kind, event.app, event.name, getattr(event, "uid", ""), event.resync)
        older = self._waiting.get(key)
        self._waiting[key] = _Waiting(event, traceparent or (older.traceparent if older else ""))
        self._filled.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._filled.wait()
            await self._publish_some()

    async def _publish_some(self) -> None:
        keys = list(self._waiting)[:_BATCH]
        batch = {key: self._waiting[key] for key in keys}
        try:
            await self._publish(list(batch.values()))
        except PublishError as error:
            _LOG.warning("%d events wait: %s", len(self._waiting), error)
            await asyncio.sleep(_PAUSE)
            return
        for key, waiting in batch.items():
            # Something newer may have come meanwhile; that stays.
            if self._waiting.get(key) is waiting:
                del self._waiting[key]
        if not self._waiting:
            self._filled.clear()

    async def _publish(self, batch: Sequence[_Waiting]) -> None:
        await self._events.publish(*(each.event for each in batch if not each.traceparent))
        for each in batch:
            if each.traceparent:
                with tracing.continued(each.traceparent):
                    await self._events.publish(each.event)
