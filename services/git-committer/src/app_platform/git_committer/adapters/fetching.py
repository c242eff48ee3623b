"""Tells Flux to fetch a GitRepository: at once after a quiet time, and then not more often than it can follow.

Guarantees: the last request of a burst is always sent, at the latest one pause after the one before; when the service
ends, what still waits is sent. A killed service's request is lost, and Flux fetches at its own interval then.
Leaves out: errors: a request that fails is logged, as Flux will fetch anyway.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from app_platform.contracts import names

_LOG: Final = logging.getLogger(__name__)
_PAUSE: Final = 0.5
_PAUSE_PER_FILE: Final = 0.005
"""Seconds between two requests for one source: about what Flux needs for it, as each time it compares every file with the cluster.
More would only make the API server busy with states that are out of date already."""


Send = Callable[[str, str], Awaitable[None]]


class _Source(NamedTuple):
    """A GitRepository in an app's platform namespace."""

    app: str
    name: str


class Fetching:
    """The ``Sync`` port: merges requests that come faster than one in a pause.

    Args:
        send: Asks Flux to fetch a GitRepository of an app.
        transient: What may go wrong with that.
    """

    def __init__(self, send: Send, transient: tuple[type[Exception], ...]) -> None:
        self._send = send
        self._transient = transient
        self._pausing: dict[_Source, asyncio.Task[None]] = {}
        self._again: dict[_Source, float] = {}

    async def fetch_now(self, app: str, files: int) -> None:
        """See ``Sync.fetch_now``."""
        await self._ask(_Source(app, names.platform_namespace(app)), _PAUSE + files * _PAUSE_PER_FILE)

    async def fetch_source(self, app: str, name: str) -> None:
        """See ``Sync.fetch_source``."""
        await self._ask(_Source(app, name), _PAUSE)

    async def close(self) -> None:
        """Send what waits."""
        for task in self._pausing.values():
            task.cancel()
        await asyncio.gather(*self._pausing.values(), return_exceptions=True)
        await asyncio.gather(*map(self._try, self._again))

    async def _ask(self, source: _Source, pause: float) -> None:
        if source in self._pausing:
            self._again[source] = pause
            return
        self._pausing[source] = asyncio.create_task(self._rest(source, pause))
        await self._try(source)

    async def _rest(self, source: _Source, seconds: float) -> None:
        await asyncio.sleep(seconds)
        del self._pausing[source]
        if source in self._again:
            await self._ask(source, self._again.pop(source))

    async def _try(self, source: _Source) -> None:
        try:
            await self._send(*source)
        except self._transient as error:
            _LOG.warning("Flux could not be told to fetch %s of %s: %s", source.name, source.app, error)


@asynccontextmanager
async def fetching(send: Send, transient: tuple[type[Exception], ...]) -> AsyncIterator[Fetching]:
    """A ``Fetching`` that sends what waits when the context ends."""
    port = Fetching(send, transient)
    try:
        yield port
    finally:
        await port.close()
