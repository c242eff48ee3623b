"""How often one address may begin to sign in: a token bucket per address. Pure but for the clock it is given.

Guarantees: bounded memory; the address heard of longest ago is forgotten first. Leaves out: guessing of passwords, which the identity
provider regulates; this only keeps one address from filling the store. Counted per replica.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MINUTE: Final = 60.0
_ADDRESSES: Final = 10_000


class Throttle:
    """Counts.

    Args:
        per_minute: Attempts that one address may make a minute; as many at once.
        clock: Seconds that only grow.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = float(per_minute), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, address: str) -> bool:
        """Whether another attempt is taken; counts it if so."""
        now = self._clock()
        left, at = self._buckets.pop(address, (self._most, now))
        left = min(self._most, left + (now - at) * self._most / _MINUTE)
        admitted = left >= 1
        self._buckets[address] = (left - 1 if admitted else left, now)
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        return admitted
