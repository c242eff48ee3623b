"""Open pages are told of changes, and of what changed before they listened."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from app_platform.dashboard.web.live import CHANGED, Live
from app_platform.kube import SECRETS, KubeClient, Page, Scope

SCOPE = Scope(SECRETS, "my-app-platform")


class Collection:
    """An empty collection whose list and watch a test lets go on."""

    def __init__(self) -> None:
        self.listed, self.changed = asyncio.Event(), asyncio.Event()
        self.watches = 0

    async def pages(self, *_: object, **__: object) -> AsyncGenerator[Page, None]:
        await self.listed.wait()
        yield Page([], "1")

    async def watch(self, *_: object, **__: object) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        self.watches += 1
        while True:
            await self.changed.wait()
            self.changed.clear()
            meta = {"name": "a", "namespace": "my-app-platform", "uid": "1", "resourceVersion": "2"}
            yield "ADDED", {"metadata": meta}


async def following(stream: Any) -> str:
    """The next event that is no sign of life."""
    async with asyncio.timeout(5):
        async for text in stream:
            if text.startswith("event:"):
                return str(text)
    raise AssertionError("the stream ended")


async def test_what_changed_before_the_watch_began_is_told() -> None:
    collection = Collection()
    live = Live(cast("KubeClient", collection))
    async with aclosing(cast("Any", live.events(SCOPE))) as stream:
        told = asyncio.create_task(following(stream))
        await asyncio.sleep(0)
        assert not told.done(), "it was told before the watch saw everything"
        collection.listed.set()
        assert await told == CHANGED


async def test_a_page_that_joins_later_is_told_at_once_and_then_of_each_change() -> None:
    collection = Collection()
    collection.listed.set()
    live = Live(cast("KubeClient", collection))
    async with (
        aclosing(cast("Any", live.events(SCOPE))) as first,
        aclosing(cast("Any", live.events(SCOPE))) as second,
    ):
        assert await following(first) == CHANGED
        assert await following(second) == CHANGED
        collection.changed.set()
        assert list(await asyncio.gather(following(first), following(second))) == [CHANGED] * 2
    assert collection.watches == 1, "one watch serves both"


async def test_a_stream_ends_after_a_while_so_that_the_browser_is_asked_again_who_it_is() -> None:
    collection = Collection()
    collection.listed.set()
    live = Live(cast("KubeClient", collection), longest=0.01)
    async with asyncio.timeout(5):
        told = [text async for text in live.events(SCOPE)]
    assert told[0].startswith("retry:")
