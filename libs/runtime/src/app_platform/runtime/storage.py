"""How the store of NATS stands, as metrics: read by ``bootstrap``, which may ask about every stream, each few seconds.

Guarantees: labels are the names of our own streams. While NATS cannot be reached nothing is shown, rather than an old number; a stream
of which nobody answers for certain, while NATS can be reached, is shown as one that nobody leads.
Leaves out: how far the services are (``lag``).
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import api

from app_platform.runtime import telemetry
from app_platform.runtime.connection import jetstream
from app_platform.runtime.streams import BUCKETS, STREAMS, bucket_stream
from app_platform.runtime.telemetry import Reading

_SECONDS: Final = 15.0
_SOON: Final = 2.0
"""Seconds until the next look while a stream is missing: ``bootstrap`` may just be making it."""
_NAMES: Final = (*(each.name for each in STREAMS), *(bucket_stream(each.name) for each in BUCKETS))
_FAULTS: Final = (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError)


@dataclass(frozen=True)
class StreamSeen:
    """How one stream stands.

    Attributes:
        bytes: Of one copy.
        missing: Copies that are offline or behind.
    """

    name: str
    messages: int
    bytes: int
    missing: int


class Storage:
    """The numbers of all streams.

    Args:
        nc: Connected client of the streams' account.
        allowed: Bytes that all servers together may store; ``None`` for what the account says, if it says any.
        seconds: Between two looks.
    """

    def __init__(self, nc: Client, allowed: int | None = None, seconds: float = _SECONDS) -> None:
        self._nc, self._js = nc, jetstream(nc)
        self._allowed, self._seconds = allowed, seconds
        self._streams: dict[str, StreamSeen | None] = {}
        self._account: api.AccountInfo | None = None

    async def run(self) -> None:
        """Keep the numbers up to date until cancelled."""
        self._show()
        while True:
            await self.look()
            await asyncio.sleep(self._seconds if self._all_led() else min(self._seconds, _SOON))

    async def look(self) -> None:
        """Read them once."""
        seen = await asyncio.gather(*map(self._stream, _NAMES))
        account = await self._read_account()
        reached = self._nc.is_connected
        self._streams = dict(zip(_NAMES, seen, strict=True)) if reached else {}
        self._account = account if reached else None

    def led(self) -> list[Reading]:
        """Of each stream 1, or 0 when it has no leader, is not there or does not answer."""
        return [_reading(name, seen is not None) for name, seen in self._streams.items()]

    def streams(self, number: Callable[[StreamSeen], int]) -> list[Reading]:
        """A number of each stream that is led."""
        return [_reading(name, number(seen)) for name, seen in self._streams.items() if seen]

    def used(self) -> list[Reading]:
        """Bytes that all copies of all streams take."""
        return [Reading(self._account.storage)] if self._account else []

    def limit(self) -> list[Reading]:
        """Bytes that they may take; none when nobody says."""
        said = self._account.limits.max_storage if self._account else 0
        allowed = self._allowed or said
        # JetStream's -1 is no limit, other than that of the disk.
        return [Reading(allowed)] if allowed > 0 else []

    def _all_led(self) -> bool:
        return bool(self._streams) and None not in self._streams.values()

    async def _stream(self, name: str) -> StreamSeen | None:
        try:
            info = await self._js.stream_info(name)
        except _FAULTS:
            return None
        if info.cluster and not info.cluster.leader:
            # A server that has lost the others still answers, with what it had.
            return None
        return StreamSeen(name, info.state.messages, info.state.bytes, _missing(info.cluster))

    async def _read_account(self) -> api.AccountInfo | None:
        try:
            return await self._js.account_info()
        except _FAULTS:
            return None

    def _show(self) -> None:
        for name, description, read, unit in self._shown():
            telemetry.gauges(f"app_platform.{name}", description, read, unit)

    def _shown(self) -> Iterable[tuple[str, str, Callable[[], Iterable[Reading]], str]]:
        yield "stream.messages", "Messages in a stream", lambda: self.streams(lambda s: s.messages), "1"
        yield "stream", "What a stream takes, one copy of it", lambda: self.streams(lambda s: s.bytes), "By"
        yield "stream.led", "Whether a stream has a leader: 1 or 0", self.led, "1"
        behind = "Copies of a stream that are offline or behind"
        yield "stream.copies.missing", behind, lambda: self.streams(lambda s: s.missing), "1"
        yield "jetstream.storage", "What all copies of all streams take", self.used, "By"
        yield "jetstream.storage_limit", "What they may take", self.limit, "By"


def _missing(cluster: api.ClusterInfo | None) -> int:
    copies = (cluster.replicas if cluster else None) or ()
    return sum(1 for copy in copies if copy.offline or not copy.current)


def _reading(stream: str, value: float) -> Reading:
    return Reading(value, {"stream": stream})
