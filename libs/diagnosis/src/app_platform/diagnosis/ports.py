"""What diagnosis needs to see, read with the rights of whoever asks.

Errors: ``UnreadableError`` for whatever the caller may not see, or that does not answer; a check that needed it says
``unknown`` with that text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app_platform.kube import Action, Object, Resource, User
from app_platform.runtime.consumers import ConsumerState
from app_platform.runtime.dead_letters import DeadLetter


class UnreadableError(Exception):
    """Something cannot be looked at.

    Args:
        why: The right that is missing, or what does not answer.
        down: Whether it does not answer, rather than refuse.
    """

    def __init__(self, why: str, *, down: bool = False) -> None:
        super().__init__(why)
        self.down = down


class BrokenError(UnreadableError):
    """Something is there and cannot be understood."""


class Cluster(Protocol):
    """The read side of Kubernetes. Of Secrets it gives metadata only."""

    async def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """One object, or ``None`` when there is none."""
        ...

    async def list(self, resource: Resource, namespace: str | None = None, labels: str = "") -> list[Object]:
        """All objects of a namespace, or of all namespaces, with these labels."""
        ...

    async def allowed(self, action: Action, who: User | None) -> bool:
        """Whether somebody may do something; ``None`` asks about the caller."""
        ...


class Bus(Protocol):
    """The read side of the event store."""

    async def consumers(self) -> Sequence[ConsumerState]:
        """How far each service is."""
        ...

    async def dead_letters(self, app: str | None) -> Sequence[DeadLetter]:
        """What was given up, oldest first; of one app, or of all."""
        ...


@dataclass(frozen=True)
class Reader:
    """Both of them; ``bus`` is ``None`` where nothing is known of the event store."""

    cluster: Cluster
    bus: Bus | None = None
