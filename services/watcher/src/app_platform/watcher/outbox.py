"""Events waiting to be published: the latest of each object, tried until NATS has them.

Guarantees: what was put in is published, or replaced by something newer of the same object; nothing is lost while NATS is
away, and memory is bounded by the number of objects. Leaves out: surviving a restart; then everything is listed anew.
"""

import asyncio
import logging
from typing import Final

from app_platform.contracts import Event
from app_platform.runtime import EventSink, PublishError

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 500
_PAUSE: Final = 1.0


class Outbox:
    """A queue keyed by object.

    Args:
        events: Where to publish.
    """

    def __init__(self, events: EventSink) -> None:
        self._events = events
        self._waiting: dict[tuple[str, str, str, str], Event] = {}
        self._filled = asyncio.Event()

    def put(self, event: Event) -> None:
        """Queue an event in place of an older one of the same object; a resync is kept beside it."""
        self._waiting[(event.kind, event.app, event.name, event.resync)] = event
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
            await self._events.publish(*batch.values())
        except PublishError as error:
            _LOG.warning("%d events wait: %s", len(self._waiting), error)
            await asyncio.sleep(_PAUSE)
            return
        for key, event in batch.items():
            # Something newer may have come meanwhile; that stays.
            if self._waiting.get(key) is event:
                del self._waiting[key]
        if not self._waiting:
            self._filled.clear()
