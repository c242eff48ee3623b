"""A service for tests of the runtime: what its handler got, and what it was told to show."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from app_platform.contracts import Event, SecretIntentChanged
from app_platform.runtime import Batch, Done, Outcome, RuntimeSettings
from support.nats import NatsServer


def changed(name: str, version: int = 1, app: str = "my-app", resync: str = "") -> SecretIntentChanged:
    """An event about the intent `name`."""
    return SecretIntentChanged(
        app=app, name=name, uid=f"u-{name}", resource_version=str(version), resync=resync
    )


@dataclass
class Seen:
    """The service's ports."""

    batches: list[list[str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    gave_up: list[tuple[list[str], str]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of all events handled, in order."""
        return [name for batch in self.batches for name in batch]

    def take(self, batch: Batch) -> None:
        """Remember a batch."""
        self.batches.append([event.name for event in batch])
        self.events += batch


async def note(seen: Seen, batch: Batch) -> Outcome:
    """A handler that is content."""
    seen.take(batch)
    return Done()


async def show(seen: Seen, batch: Batch, reason: str) -> None:
    """A GaveUp that remembers."""
    seen.gave_up.append(([event.name for event in batch], reason))


def settings_for(server: NatsServer, **changes: Any) -> RuntimeSettings:
    """Settings that make tests quick."""
    return RuntimeSettings(**{"nats_url": server.url, "grace": 10.0, "publish_timeout": 5.0, **changes})


Consuming = Callable[..., AbstractAsyncContextManager[Seen]]
"""The fixture `consuming`."""
