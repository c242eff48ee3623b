"""A history of events in memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from app_platform.runtime.history import Query, Recorded


@dataclass
class MemoryPast:
    """The dashboard's port `Past`; selects by app alone."""

    recorded: list[Recorded] = field(default_factory=list)

    async def events(self, query: Query, *, follow: bool = False) -> AsyncIterator[Recorded]:
        """Those that there are; with `follow`, without end."""
        for each in await self.latest(query, len(self.recorded)):
            yield each
        while follow:
            await asyncio.Event().wait()

    async def latest(self, query: Query, most: int) -> list[Recorded]:
        """The latest ones."""
        found = [each for each in self.recorded if query.app in (None, each.event.app)]
        return found[-most:] if most else []
