"""Tells Flux to fetch: at once after a quiet time, and then not more often than it can follow.

Guarantees: the last request of a burst is always sent, at the latest one pause after the one before; when the service
ends, what still waits is sent. A killed service's request is lost, and Flux fetches at its own interval then.
Leaves out: errors: a request that fails is logged, as Flux will fetch anyway.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

_LOG: Final = logging.getLogger(__name__)
_PAUSE: Final = 0.5
_PAUSE_PER_FILE: Final = 0.005
"""Seconds between two requests for one app: about what Flux needs for it, as each time it compares every file with the cluster.
More would only make the API server busy with states that are out of date already."""


class Fetching:
    """The ``Sync`` port: merges requests that come faster than one in a pause.

    Args:
        send: Asks Flux to fetch an app's repository.
        transient: What may go wrong with that.
    """

    def __init__(
        self, send: Callable[[str], Awaitable[None]], transient: tuple[type[Exception], ...]
    ) -> None:
        self._send = send
        self._transient = transient
        self._pausing: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, int] = {}

    async def fetch_now(self, app: str, files: int) -> None:
        """See ``Sync.fetch_now``."""
        if app in self._pausing:
            self._again[app] = files
            return
        self._pausing[app] = asyncio.create_task(self._rest(app, _PAUSE + files * _PAUSE_PER_FILE))
        await self._try(app)

    async def close(self) -> None:
        """Send what waits."""
        for task in self._pausing.values():
            task.cancel()
        await asyncio.gather(*self._pausing.values(), return_exceptions=True)
        await asyncio.gather(*map(self._try, self._again))

    async def _rest(self, app: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        del self._pausing[app]
        if app in self._again:
            await self.fetch_now(app, self._again.pop(app))

    async def _try(self, app: str) -> None:
        try:
            await self._send(app)
        except self._transient as error:
            _LOG.warning("Flux could not be told to fetch for %s: %s", app, error)


@asynccontextmanager
async def fetching(
    send: Callable[[str], Awaitable[None]], transient: tuple[type[Exception], ...]
) -> AsyncIterator[Fetching]:
    """A ``Fetching`` that sends what waits when the context ends."""
    port = Fetching(send, transient)
    try:
        yield port
    finally:
        await port.close()
