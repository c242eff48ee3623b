"""What a handler says of a batch of events, and how long a retry waits.

Guarantees: a handler never sees a message, so it can neither acknowledge nor lose one; ``consume`` alone does that.
Leaves out: what happens when retries are used up (``dead_letters``).
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from app_platform.contracts import Event

P = TypeVar("P")


@dataclass(frozen=True)
class Done:
    """The world is as the events ask, or they are out of date."""


@dataclass(frozen=True)
class Retry:
    """Something is missing that will come; try the same batch again.

    Attributes:
        reason: For logs, and for the object when retries are used up.
        after: Seconds to wait at least; the back-off may make it longer.
        kind: For metrics, in CamelCase: one of few that the code names, never a name that people chose.
    """

    reason: str
    after: float = 0.0
    kind: str = field(default="Retry", kw_only=True)


@dataclass(frozen=True)
class Wait:
    """Nothing failed: somebody's limit is spent, and it is known when it will allow this again.

    It does not count towards giving up, so a limit that lasts for hours makes no dead letters.

    Attributes:
        reason: For logs.
        after: Seconds to wait.
    """

    reason: str
    after: float


@dataclass(frozen=True)
class Reject:
    """Trying again would end the same way; keep the events as dead letters.

    Attributes:
        reason: For logs, the dead letter and the object.
        kind: See ``Retry``.
    """

    reason: str
    kind: str = field(default="Reject", kw_only=True)


Outcome = Done | Retry | Wait | Reject

Batch = Sequence[Event]
"""Events of one app that were waiting for the same handler; at least one."""


def resync_mark(batch: Batch) -> str:
    """The mark of the latest forced resync in a batch, to be passed on; empty when there is none."""
    return next((event.resync for event in reversed(batch) if event.resync), "")


Handler = Callable[[P, Batch], Awaitable[Outcome]]
HandlerTable = Mapping[type[Event], Handler[P]]
GaveUp = Callable[[P, Batch, str], Awaitable[None]]
"""Shows the reason on the objects that the events are about, before these become dead letters."""


@dataclass(frozen=True)
class Backoff:
    """Exponential back-off with jitter.

    Attributes:
        first: Upper bound of the first wait, in seconds.
        cap: Upper bound of any wait, in seconds.
    """

    first: float = 0.5
    cap: float = 60.0

    def delay(
        self, attempt: int, at_least: float = 0.0, jitter: Callable[[], float] = random.random
    ) -> float:
        """Seconds to wait after the ``attempt``-th delivery (from 1): half of the bound is fixed, half is random.

        Half fixed, because a wait near zero would only repeat the failure at once.
        """
        bound = min(self.cap, self.first * 2.0 ** min(attempt - 1, 30))
        return max(at_least, bound / 2 + jitter() * bound / 2)
