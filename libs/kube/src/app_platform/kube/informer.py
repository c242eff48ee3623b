"""Follows a collection: lists it, watches it, and tells what changed. Never misses the end state, may skip states between.

    list (in pages) ──► synced ──► watch, with bookmarks ──► ended or connection lost: watch on from the last version
      ▲                                   │
      └── 410 Gone, or any refusal ◄──────┘     after a pause that grows; what vanished meanwhile is told as deleted

Changes are told one at a time and awaited, so a slow receiver slows the watch down instead of filling memory. A change is
told again only after a new start of the process. Cancel `run` to stop; it leaves no task behind.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Generic, NoReturn, TypeVar

from app_platform.kube.client import EVERYTHING, KubeClient, Selector
from app_platform.kube.errors import Gone, KubeError
from app_platform.kube.resources import Key, Object, Resource
from app_platform.kube.retry import backoff
from app_platform.kube.store import Change, Store

T = TypeVar("T")
_log: Final = logging.getLogger(__name__)
# Long enough to be cheap, short enough that a dead connection is found out soon; spread, so that watches do not all
# come back at once.
_WATCH_SECONDS: Final = (60, 90)
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 30.0


@dataclass(frozen=True)
class Scope:
    """What to follow.

    Attributes:
        resource: the kind.
        namespace: None for all namespaces, which needs the right to list all of them.
        selector: labels and fields.
        metadata_only: never receive more than metadata.
        page: objects in one answer when listing.
    """

    resource: Resource
    namespace: str | None = None
    selector: Selector = EVERYTHING
    metadata_only: bool = False
    page: int = 500

    def __str__(self) -> str:
        return f"{self.resource.plural} in {self.namespace or 'all namespaces'}"


class Informer(Generic[T]):
    """Keeps a small picture of a collection up to date."""

    def __init__(self, client: KubeClient, scope: Scope, keep: Callable[[Object], T]) -> None:
        """Prepare; `run` does the work.

        Args:
            client: not closed by this class.
            scope: what to follow.
            keep: what to remember of each object; must be small and hold no secret.
        """
        self._client, self._scope = client, scope
        self._store = Store(keep)
        self._version, self._failures = "", 0
        self.synced = asyncio.Event()

    @property
    def items(self) -> Mapping[Key, Change[T]]:
        """What exists, as last seen."""
        return self._store.items

    async def run(self, on_change: Callable[[Change[T]], Awaitable[None]]) -> NoReturn:
        """Follow until cancelled; `synced` is set when everything that existed at the start has been told.

        Args:
            on_change: receives each change; what it raises ends `run`.
        """
        while True:
            try:
                if not self._version:
                    await self._list(on_change)
                await self._watch(on_change)
            except KubeError as error:
                await self._recover(error)

    async def _recover(self, error: KubeError) -> None:
        """Choose where to go on from, and pause."""
        if not error.transient:
            self._version = ""
        self._failures += 1
        pause = backoff(self._failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        level = logging.INFO if isinstance(error, Gone) or error.transient else logging.WARNING
        _log.log(level, "watch of %s interrupted (%s), on again in %.1f s", self._scope, error.reason, pause)
        await asyncio.sleep(pause)

    async def _list(self, on_change: Callable[[Change[T]], Awaitable[None]]) -> None:
        scope, listed, version = self._scope, set[Key](), ""
        pages = self._client.pages(
            scope.resource,
            scope.namespace,
            scope.selector,
            metadata_only=scope.metadata_only,
            limit=scope.page,
        )
        async with aclosing(pages):
            async for page in pages:
                version = page.resource_version
                for obj in page.items:
                    await self._tell(self._store.see(obj), on_change)
                    listed.add(Key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))
        for key in self._store.missing(listed):
            await self._tell(self._store.lose(key), on_change)
        self._version = version
        self.synced.set()

    async def _watch(self, on_change: Callable[[Change[T]], Awaitable[None]]) -> None:
        """Watch until the server ends it."""
        scope = self._scope
        events = self._client.watch(
            scope.resource,
            scope.namespace,
            scope.selector,
            resource_version=self._version,
            seconds=random.randint(*_WATCH_SECONDS),  # noqa: S311 - only to spread the load
            metadata_only=scope.metadata_only,
        )
        async with aclosing(events):
            async for event, obj in events:
                if event != "BOOKMARK":
                    await self._tell(
                        self._store.drop(obj) if event == "DELETED" else self._store.see(obj), on_change
                    )
                self._version = obj["metadata"]["resourceVersion"]
                self._failures = 0  # only what arrives shows that things work again

    async def _tell(
        self, changes: list[Change[T]], on_change: Callable[[Change[T]], Awaitable[None]]
    ) -> None:
        for change in changes:
            await on_change(change)
