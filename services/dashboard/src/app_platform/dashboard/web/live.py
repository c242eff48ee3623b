"""Tells open pages that something changed, by server-sent events (HTML, "Server-sent events").

Guarantees: an event says "changed" and nothing else; the page then asks for itself anew, with all checks. Each stream begins with one, sent
when the watch has begun: so what changed between the page and its stream is not missed. One watch serves all pages that look at the same
collection, and ends with the last of them. Changes that come at once are told once. A stream ends after some minutes: the browser opens the
next one, and is asked again who it is and what it may see.
Leaves out: which page may listen to what, which the page decides when it is asked.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from app_platform.kube import Change, Informer, KubeClient, Object, Scope

_ALIVE_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 300.0
_GATHER_SECONDS: Final = 0.25
CHANGED: Final = "event: changed\ndata: {}\n\n"
ALIVE: Final = ": alive\n\n"


@dataclass
class _Channel:
    """One watch and who listens to it.

    Attributes:
        begun: Whether the watch tells everything from now on.
    """

    begun: bool = False
    listeners: set[asyncio.Event] = field(default_factory=set)
    task: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Wake everybody."""
        for listener in self.listeners:
            listener.set()


class Live:
    """The watches that somebody listens to now.

    Args:
        client: The dashboard's own.
        longest: Seconds that a stream may last.
    """

    def __init__(self, client: KubeClient, longest: float = LONGEST_SECONDS) -> None:
        self._client, self._longest = client, longest
        self._channels: dict[Scope, _Channel] = {}

    async def events(self, *scopes: Scope) -> AsyncIterator[str]:
        """The text of a stream of events, for as long as it is read and may last.

        Args:
            scopes: What to listen to; the caller has checked that the listener may know of it.
        """
        changed = asyncio.Event()
        async with self._listening(scopes, changed), aclosing(stream(changed, self._longest)) as texts:
            async for text in texts:
                yield text

    @asynccontextmanager
    async def _listening(self, scopes: tuple[Scope, ...], changed: asyncio.Event) -> AsyncIterator[None]:
        for scope in scopes:
            self._join(scope, changed)
        try:
            yield
        finally:
            for scope in scopes:
                await self._leave(scope, changed)

    def _join(self, scope: Scope, changed: asyncio.Event) -> None:
        channel = self._channels.setdefault(scope, _Channel())
        channel.listeners.add(changed)
        if channel.begun:
            changed.set()
        if channel.task is None or channel.task.done():
            channel.task = asyncio.create_task(self._follow(scope, channel))

    async def _leave(self, scope: Scope, changed: asyncio.Event) -> None:
        channel = self._channels[scope]
        channel.listeners.discard(changed)
        if channel.listeners or channel.task is None:
            return
        del self._channels[scope]
        channel.task.cancel()
        with suppress(asyncio.CancelledError):
            await channel.task

    async def _follow(self, scope: Scope, channel: _Channel) -> None:
        informer: Informer[None] = Informer(self._client, scope, _nothing)

        async def tell(_change: Change[None]) -> None:
            if informer.synced.is_set():
                channel.tell()

        async def begin() -> None:
            await informer.synced.wait()
            channel.begun = True
            channel.tell()

        async with asyncio.TaskGroup() as group:
            group.create_task(begin())
            group.create_task(informer.run(tell))


async def stream(changed: asyncio.Event, longest: float = LONGEST_SECONDS) -> AsyncGenerator[str, None]:
    """The text of a stream of events: "changed" whenever the event is set, and signs of life between, until its time is up."""
    now = asyncio.get_running_loop().time
    end = now() + longest
    yield "retry: 3000\n\n"
    while now() < end:
        try:
            await asyncio.wait_for(changed.wait(), min(_ALIVE_SECONDS, longest))
        except TimeoutError:
            yield ALIVE
            continue
        await asyncio.sleep(_GATHER_SECONDS)
        changed.clear()
        yield CHANGED


def _nothing(_obj: Object) -> None:
    """Only that something changed is of interest."""
