"""A budget that all replicas share: at most so many actions in so many seconds, however many processes spend it.

It is for limits that somebody else sets on one credential, such as a forge's on writes. What was spent lies in a NATS key-value
bucket and is changed by compare-and-swap (NATS ADR-8), so two replicas cannot spend the same action.

Guarantees: nobody waits here: ``take`` says how long to wait, and the caller gives its message back until then. In any window of
a limit's length no more than the limit is granted, by the clocks of the replicas. When NATS does not answer within a second, the
replica goes on with a part of the limits for itself alone, as it cannot know how many others do so too.
Leaves out: fairness between those who wait; each is told a time with some chance in it, so that they do not all come at once.
"""

import asyncio
import contextlib
import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Final, Protocol

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from app_platform.runtime import telemetry
from app_platform.runtime.streams import BUDGETS
from app_platform.runtime.telemetry import Reading

_LOG: Final = logging.getLogger(__name__)
_SECONDS_FOR_NATS: Final = 1.0
_TRIES: Final = 20
"""At compare-and-swap; each lost one means that another replica won."""
_ALONE: Final = 0.25
"""Part of the limits that a replica allows itself while NATS does not answer."""
_OUTRUN: Final = 1.0
"""Seconds to wait for who lost every race; something may still be left, so it is not told the time of a window."""
_MOST_JITTER: Final = 15.0


@dataclass(frozen=True)
class Limit:
    """At most ``amount`` actions in any ``seconds``."""

    amount: int
    seconds: int

    @property
    def name(self) -> str:
        """For metrics."""
        return f"{self.seconds}s"


@dataclass(frozen=True)
class Ledger:
    """What was spent when. Pure.

    Attributes:
        spent: ``(second, actions)``, the oldest first, as Unix time.
        closed_until: Nothing may be spent before this time, whatever the limits say.
    """

    spent: tuple[tuple[int, int], ...] = ()
    closed_until: float = 0.0

    def wait(self, limits: Sequence[Limit], cost: int, now: float) -> float:
        """Seconds until ``cost`` actions may be spent; 0 for now. More than a limit's whole amount counts as that amount."""
        return max([0.0, self.closed_until - now, *(self._wait(limit, cost, now) for limit in limits)])

    def spend(self, limits: Sequence[Limit], cost: int, now: float) -> "Ledger":
        """With these actions spent, and without those that no limit looks at any more."""
        longest = max((limit.seconds for limit in limits), default=0)
        second = int(now)
        earlier = {at: count for at, count in self.spent if at > now - longest - 1}
        earlier[second] = earlier.get(second, 0) + cost
        return replace(self, spent=tuple(sorted(earlier.items())))

    def left(self, limit: Limit, now: float) -> int:
        """Actions that a limit still allows."""
        # A second counts until it is over: an action at its end is as old as that.
        return max(0, limit.amount - sum(count for at, count in self.spent if at + 1 > now - limit.seconds))

    def allowed(self, limit: Limit, now: float) -> int:
        """Actions of a limit that may be spent now: none while it is closed."""
        return 0 if now < self.closed_until else self.left(limit, now)

    def _wait(self, limit: Limit, cost: int, now: float) -> float:
        missing = min(cost, limit.amount) - self.left(limit, now)
        for at, count in self.spent:
            if missing <= 0:
                break
            if at + 1 > now - limit.seconds:
                missing -= count
                if missing <= 0:
                    return at + 1 + limit.seconds - now
        return 0.0

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Ledger":
        """Back from JSON; what cannot be read counts as nothing spent."""
        try:
            found = json.loads(data)
            spent = tuple((int(at), int(count)) for at, count in found["spent"])
            return cls(spent, float(found["closed_until"]))
        except (ValueError, KeyError, TypeError):
            return cls()


class _AwayError(Exception):
    """NATS does not answer in time."""


class Budget(Protocol):
    """What a service spends."""

    async def take(self, cost: int) -> float:
        """Spend ``cost`` actions and return 0, or spend nothing and return the seconds to wait; 0 actions ask whether it is closed."""
        ...

    async def close(self, seconds: float) -> None:
        """Let nobody spend anything for some seconds, as whoever sets the limits asked for."""
        ...


@dataclass
class SharedBudget:
    """The ``Budget`` in NATS.

    Args:
        js: Context of a client that may be disconnected.
        name: What is limited: letters, digits, ``-``, ``_``, ``.`` and ``/``; the same in all replicas. Not a secret.
        limits: All of which hold.
        kind: What is counted, for metrics: chosen by us, as ``name`` may hold what people chose.
        clock: Unix time.
        chance: Between 0 and 1.
    """

    js: JetStreamContext
    name: str
    limits: Sequence[Limit]
    kind: str
    clock: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
    _alone: Ledger = field(default_factory=Ledger)
    _known: Ledger | None = None
    _bucket: KeyValue | None = None

    async def take(self, cost: int) -> float:
        """See ``Budget.take``."""
        wait = 0.0

        def spend(ledger: Ledger) -> Ledger | None:
            nonlocal wait
            now = self.clock()
            wait = ledger.wait(self.limits, cost, now)
            return None if wait or not cost else ledger.spend(self.limits, cost, now)

        try:
            if not await self._change(spend):
                wait = _OUTRUN
        except _AwayError:
            wait = self._spend_alone(cost)
        return wait and wait + self.chance() * min(wait, _MOST_JITTER)

    async def close(self, seconds: float) -> None:
        """See ``Budget.close``."""
        until = self.clock() + seconds

        def shut(ledger: Ledger) -> Ledger | None:
            return replace(ledger, closed_until=until) if until > ledger.closed_until else None

        self._alone = self._known = shut(self._alone) or self._alone
        with contextlib.suppress(_AwayError):
            await self._change(shut)

    def readings(self) -> list[Reading]:
        """What each limit allows now, by the ledger that this replica saw last; none before it saw one."""
        if self._known is None:
            return []
        now = self.clock()
        return [
            Reading(self._known.allowed(limit, now), {"budget": self.kind, "window": limit.name})
            for limit in self.limits
        ]

    def _spend_alone(self, cost: int) -> float:
        now = self.clock()
        limits = [Limit(max(1, int(limit.amount * _ALONE)), limit.seconds) for limit in self.limits]
        wait = self._alone.wait(limits, cost, now)
        if not wait:
            self._alone = self._known = self._alone.spend(limits, cost, now)
        return wait

    async def _change(self, decide: Callable[[Ledger], Ledger | None]) -> bool:
        """Read, decide, write if nobody wrote meanwhile, again otherwise; returns whether that came to an end.

        Raises:
            _AwayError: NATS does not take part.
        """
        try:
            async with asyncio.timeout(_SECONDS_FOR_NATS):
                for _ in range(_TRIES):
                    if await self._try(decide):
                        return True
                    await asyncio.sleep(self.chance() * 0.01)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
            self._bucket = None
            _LOG.warning("budget %s is not shared at the moment: %s", self.name, type(error).__name__)
            raise _AwayError from error
        return False

    async def _try(self, decide: Callable[[Ledger], Ledger | None]) -> bool:
        bucket = self._bucket = self._bucket or await self.js.key_value(BUDGETS)
        try:
            entry = await bucket.get(self.name)
            ledger, revision = Ledger.decode(entry.value or b""), entry.revision or 0
        except KeyNotFoundError:
            ledger, revision = Ledger(), 0
        changed = decide(ledger)
        if changed is None:
            self._known = ledger
            return True
        try:
            await bucket.update(self.name, changed.encode(), last=revision)
        except KeyWrongLastSequenceError:
            return False
        # What was spent together counts when this replica has to go on alone.
        self._alone = self._known = changed
        return True


def shown(budget: SharedBudget) -> SharedBudget:
    """Show as a metric what a budget still allows; returns it."""
    _all_shown().append(budget)
    return budget


@cache
def _all_shown() -> list[SharedBudget]:
    """Those of this process, read whenever metrics are asked for: what was spent ages also while nobody spends."""
    budgets: list[SharedBudget] = []
    telemetry.gauges(
        "app_platform.budget.left",
        "What a shared limit still allows, by what is counted and the length of its window",
        lambda: [reading for budget in budgets for reading in budget.readings()],
    )
    return budgets
