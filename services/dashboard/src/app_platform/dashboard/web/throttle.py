"""How often one address may begin to sign in: a token bucket per address, which all replicas share.

Guarantees: the limit holds for all replicas together, since a bucket is changed by compare-and-swap in the store where sessions lie. The
store sees a digest of an address. An address that loses every race is refused: it makes many attempts at once.
Leaves out: guessing of passwords, which the identity provider regulates; this only keeps one address from filling the store.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app_platform.dashboard import sealing
from app_platform.runtime import Entry, KeyChangedError, KeyValue

_MINUTE: Final = 60.0
_RACES: Final = 8


@dataclass(frozen=True)
class Bucket:
    """The attempts that an address may still make. Pure.

    Attributes:
        left: Attempts, with parts of one.
        at: When that was so, in seconds since 1970.
    """

    left: float
    at: float

    def after_one(self, most: float, now: float) -> "Bucket | None":
        """With one attempt made; ``None`` when there is none to make.

        Args:
            most: Attempts a minute; as many at once.
            now: In seconds since 1970. Clocks of replicas differ, so it may be before ``at``.
        """
        left = min(most, self.left + max(0.0, now - self.at) * most / _MINUTE)
        return Bucket(left - 1, max(now, self.at)) if left >= 1 else None

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps([self.left, self.at]).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Bucket":
        """Back from JSON.

        Raises:
            ValueError: It is none.
        """
        left, at = json.loads(data)
        return cls(float(left), float(at))


class Throttle:
    """Counts.

    Args:
        store: Where the buckets lie.
        per_minute: Attempts that one address may make a minute; as many at once.
        clock: Seconds since 1970.
    """

    def __init__(self, store: KeyValue, per_minute: int, clock: Callable[[], float] = time.time) -> None:
        self._store, self._most, self._clock = store, float(per_minute), clock

    async def admits(self, address: str) -> bool:
        """Whether another attempt is taken; counts it if so.

        Raises:
            StoreError: That cannot be told just now.
        """
        key = sealing.store_key("attempts", address)
        for _ in range(_RACES):
            entry = await self._store.get(key)
            after = self._of(entry).after_one(self._most, self._clock())
            if after is None:
                return False
            try:
                await self._keep(key, after, entry)
            except KeyChangedError:
                continue
            return True
        return False

    def _of(self, entry: Entry | None) -> Bucket:
        full = Bucket(self._most, self._clock())
        try:
            return Bucket.decode(entry.value) if entry else full
        except (ValueError, TypeError):  # of another version of the dashboard
            return full

    async def _keep(self, key: str, bucket: Bucket, entry: Entry | None) -> None:
        if entry is None:
            await self._store.create(key, bucket.encode())
        else:
            await self._store.update(key, bucket.encode(), entry.revision)
