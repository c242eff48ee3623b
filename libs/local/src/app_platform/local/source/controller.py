"""The loop of the stand-in: one watch over all GitRepositories, one task per object that waits and fetches.

An object's task sleeps until its interval is over or the watch says that something it acts on has changed. The object is
read again before each fetch, so that a status is never computed from what is old.
"""

import asyncio
import base64
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app_platform.local.errors import ClusterError
from app_platform.local.kubeapi import KubeApi, Object
from app_platform.local.source.fetch import Fetcher
from app_platform.local.source.status import (
    RefusedError,
    failed,
    retry_delay,
    seconds,
    succeeded,
    trigger,
    wanted,
)

_API = "/apis/source.toolkit.fluxcd.io/v1"
_LIST = f"{_API}/gitrepositories"
_WATCH_SECONDS = 300
_RELIST_AFTER = 0.5
_AT_ONCE = 4

Key = tuple[str, str]


@dataclass
class Entry:
    """One GitRepository under care."""

    task: "asyncio.Task[None]"
    due: asyncio.Event = field(default_factory=asyncio.Event)
    trigger: tuple[int, str, bool] | None = None


class Controller:
    """Keeps artifacts and statuses up to date until cancelled.

    Args:
        api: an open connection to the API server.
        fetcher: where commits come from.
        now: the clock.
    """

    def __init__(
        self, api: KubeApi, fetcher: Fetcher, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._api = api
        self._fetcher = fetcher
        self._now = now
        self._entries: dict[Key, Entry] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """List and watch for ever; whatever goes wrong with the connection, list again.

        An error that nobody expected in one object's task ends them all, loudly: the supervisor starts afresh.
        """
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self._list_and_watch(tasks)
                except ClusterError as error:
                    _say(f"watching again: {error}")
                    await asyncio.sleep(_RELIST_AFTER)

    async def _list_and_watch(self, tasks: asyncio.TaskGroup) -> None:
        listed = await self._api.get(_LIST)
        if listed is None:
            raise ClusterError("the API server knows no GitRepositories yet")
        present = {_key(item): item for item in listed["items"]}
        for gone in self._entries.keys() - present.keys():
            self._forget(gone)
        for item in present.values():
            self._notice(item, tasks)
        async for event in self._api.watch(_LIST, listed["metadata"]["resourceVersion"], _WATCH_SECONDS):
            if event["type"] == "ERROR":
                return  # most often 410 Gone: what was missed is found by the next list
            if event["type"] == "DELETED":
                self._forget(_key(event["object"]))
            else:
                self._notice(event["object"], tasks)

    def _notice(self, item: Object, tasks: asyncio.TaskGroup) -> None:
        key = _key(item)
        if key not in self._entries:
            self._entries[key] = Entry(tasks.create_task(self._care(key), name=f"gitrepository {key}"))
        entry = self._entries[key]
        if entry.trigger != trigger(item):
            entry.trigger = trigger(item)
            entry.due.set()

    def _forget(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry:
            entry.task.cancel()
        self._fetcher.forget(*key)

    async def _care(self, key: Key) -> None:
        failures = 0
        while True:
            entry = self._entries[key]
            entry.due.clear()
            try:
                async with self._slots:
                    ready, interval = await self._reconcile(key)
            except ClusterError as error:
                _say(f"{key}: {error}")
                ready, interval = False, 10.0
            failures = 0 if ready else failures + 1
            pause = interval if ready else retry_delay(failures, interval)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(entry.due.wait(), pause)

    async def _reconcile(self, key: Key) -> tuple[bool, float]:
        """Fetch once; whether that went well, and the object's interval in seconds."""
        path = f"{_API}/namespaces/{key[0]}/gitrepositories/{key[1]}"
        item = await self._api.get(path)
        if item is None or item["spec"].get("suspend"):
            return True, float(_WATCH_SECONDS)
        status = await self._next_status(key, item)
        if not _is_within(status, item.get("status") or {}):
            await self._api.merge(f"{path}/status", {"status": status})
            _say(f"{key}: {status['conditions'][0]['message']}")
        return status["conditions"][0]["status"] == "True", seconds(item["spec"]["interval"])

    async def _next_status(self, key: Key, item: Object) -> dict[str, Any]:
        try:
            asked = wanted(item)
            credentials = await self._credentials(key[0], asked.secret) if asked.secret else None
            artifact = await self._fetcher.fetch(*key, asked, credentials)
        except RefusedError as error:
            return failed(item, error.reason, str(error), self._now())
        return succeeded(item, artifact, self._now())

    async def _credentials(self, namespace: str, name: str) -> tuple[str, str]:
        secret = await self._api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        data = (secret or {}).get("data") or {}
        if not {"username", "password"} <= data.keys():
            raise RefusedError(
                "AuthenticationFailed", f"the Secret {name} needs the keys username and password"
            )
        try:
            user, password = (base64.b64decode(data[key]).decode() for key in ("username", "password"))
        except UnicodeDecodeError as error:
            raise RefusedError(
                "AuthenticationFailed", f"the Secret {name} holds values that are not text"
            ) from error
        return user, password


def _is_within(new: dict[str, Any], old: dict[str, Any]) -> bool:
    return all(old.get(key) == value for key, value in new.items())


def _key(item: Object) -> Key:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
