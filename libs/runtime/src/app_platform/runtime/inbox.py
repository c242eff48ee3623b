"""Messages in hand, in one queue per handler and app, so that what waits together is handled together.

Guarantees: one batch per handler and app at a time, in order of arrival; messages that made a handler fail unexpectedly
are handled alone when they come again, so that one bad object cannot hold up the batch it happens to be in. How often a message
only waited is remembered by this replica; to another one those deliveries look like tries.
Leaves out: tasks and acknowledgement; this is plain bookkeeping without I/O.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

_K = TypeVar("_K")


class Identified(Protocol):
    """Something with the sequence number of its message."""

    @property
    def sequence(self) -> int:
        """Position in the stream, the same at every delivery."""
        ...


_D = TypeVar("_D", bound=Identified)

_REMEMBERED = 10_000


@dataclass
class Inbox(Generic[_K, _D]):
    """Queues by key.

    Attributes:
        max_batch: Most deliveries that ``take`` returns.
    """

    max_batch: int
    _waiting: dict[_K, deque[_D]] = field(default_factory=dict)
    _running: dict[_K, list[_D]] = field(default_factory=dict)
    _suspects: dict[int, None] = field(default_factory=dict)
    _waits: dict[int, int] = field(default_factory=dict)

    def put(self, key: _K, delivery: _D) -> bool:
        """Queue a delivery; returns whether nobody is working on its key, so that a worker must be started."""
        idle = key not in self._waiting
        self._waiting.setdefault(key, deque()).append(delivery)
        return idle

    def take(self, key: _K) -> list[_D]:
        """The next batch of a key; empty when there is none, and then the key is idle again."""
        self._running.pop(key, None)
        queue = self._waiting[key]
        if not queue:
            del self._waiting[key]
            return []
        batch = [queue.popleft()]
        if batch[0].sequence not in self._suspects:
            while queue and len(batch) < self.max_batch and queue[0].sequence not in self._suspects:
                batch.append(queue.popleft())
        self._running[key] = batch
        return batch

    def suspect(self, batch: Iterable[_D]) -> None:
        """Remember that this batch failed unexpectedly."""
        for delivery in batch:
            self._suspects[delivery.sequence] = None
        _forget_oldest(self._suspects)

    def waited(self, batch: Iterable[_D]) -> None:
        """Remember that this delivery of a batch was not a try."""
        for delivery in batch:
            self._waits[delivery.sequence] = self._waits.pop(delivery.sequence, 0) + 1
        _forget_oldest(self._waits)

    def waits_of(self, delivery: _D) -> int:
        """How many deliveries of a message were not tries."""
        return self._waits.get(delivery.sequence, 0)

    def clear(self, batch: Iterable[_D]) -> None:
        """Forget what is remembered of a batch: it was settled."""
        for delivery in batch:
            self._suspects.pop(delivery.sequence, None)
            self._waits.pop(delivery.sequence, None)

    def drain(self) -> list[_D]:
        """Take out everything that no worker has begun."""
        left = [delivery for queue in self._waiting.values() for delivery in queue]
        for queue in self._waiting.values():
            queue.clear()
        return left

    def held(self) -> list[_D]:
        """Everything in hand: running and waiting."""
        waiting = [delivery for queue in self._waiting.values() for delivery in queue]
        return [delivery for batch in self._running.values() for delivery in batch] + waiting

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + sum(map(len, self._running.values()))


def _forget_oldest(remembered: dict[int, Any]) -> None:
    while len(remembered) > _REMEMBERED:
        del remembered[next(iter(remembered))]
