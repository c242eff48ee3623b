"""What this service needs, as its core and its loops see it.

Guarantees: no Kubernetes or NATS type appears here. What is kept of an object is small and holds no secret.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from app_platform.runtime import EventSink


@dataclass(frozen=True)
class Seen:
    """That an object exists in this version, or has gone.

    Attributes:
        deleted: It is gone, or its deletion was asked for.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    deleted: bool


class Asks(Enum):
    """What a Secret in a platform namespace can ask for."""

    INTENT = auto()
    """To be encrypted and delivered."""
    CLIENT = auto()
    """To be registered as an OIDC client."""


@dataclass(frozen=True)
class FluxSeen:
    """A Flux object, with what its status says."""

    seen: Seen
    kind: str
    revision: str
    ready: str
    reason: str
    message: str


@dataclass(frozen=True)
class History:
    """The event history.

    Attributes:
        events: Where to publish.
        incarnation: When it was created; another answer than before means that it was lost.
    """

    events: EventSink
    incarnation: Callable[[], Awaitable[datetime | None]]
