"""A place to publish events to, in memory."""

from collections.abc import Callable

from app_platform.contracts import Event
from app_platform.runtime import PublishError


class Sink:
    """The ``EventSink`` port: keeps what is told, once per id, as JetStream does.

    Args:
        on_event: Called with each event that is new.
    """

    def __init__(self, on_event: Callable[[Event], None] | None = None) -> None:
        self.events: list[Event] = []
        self.away = False
        self._ids: set[str] = set()
        self._on_event = on_event

    async def publish(self, *events: Event) -> None:
        """See ``EventSink.publish``."""
        if self.away:
            raise PublishError("NATS did not confirm")
        for event in events:
            if event.id not in self._ids:
                self._ids.add(event.id)
                self.events.append(event)
                if self._on_event:
                    self._on_event(event)
