"""The loop of the stand-in: an informer over all GitRepositories, one task per object that waits and fetches.

An object's task sleeps until its interval is over or the informer says that something it acts on has changed. The object
is read again before each fetch, so that a status is never computed from what is old.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app_platform.gitread import Credential, CredentialError, credential
from app_platform.kube import (
    GIT_REPOSITORIES,
    SECRETS,
    Change,
    Informer,
    Key,
    KubeClient,
    KubeError,
    Object,
    Resource,
    Scope,
)
from app_platform.local.source.fetch import Fetcher
from app_platform.local.source.status import (
    RefusedError,
    Wanted,
    event,
    failed,
    retry_delay,
    seconds,
    succeeded,
    trigger,
    wanted,
)

EVENTS = Resource("", "v1", "events", "Event")
_AT_ONCE = 4
_IDLE_SECONDS = 300.0

Trigger = tuple[int, str]


@dataclass
class Entry:
    """One GitRepository under care."""

    task: "asyncio.Task[None]"
    due: asyncio.Event = field(default_factory=asyncio.Event)
    trigger: Trigger | None = None


class Controller:
    """Keeps artifacts and statuses up to date until cancelled.

    Args:
        client: of the API server.
        fetcher: where commits come from.
        now: the clock.
    """

    def __init__(
        self, client: KubeClient, fetcher: Fetcher, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._fetcher = fetcher
        self._now = now
        self._entries: dict[Key, Entry] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Follow all GitRepositories for ever.

        An error that nobody expected in one object's task ends them all, loudly: the supervisor starts afresh.
        """
        informer = Informer(self._client, Scope(GIT_REPOSITORIES, metadata_only=True), trigger)
        async with asyncio.TaskGroup() as tasks:

            async def on_change(change: Change[Trigger]) -> None:
                self._notice(change, tasks)

            await informer.run(on_change)

    def _notice(self, change: Change[Trigger], tasks: asyncio.TaskGroup) -> None:
        key = change.key
        if change.type == "deleted":
            self._forget(key)
            return
        if key not in self._entries:
            self._entries[key] = Entry(tasks.create_task(self._care(key), name=f"gitrepository {key}"))
        entry = self._entries[key]
        if entry.trigger != change.value:
            entry.trigger = change.value
            entry.due.set()

    def _forget(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry:
            entry.task.cancel()
        self._fetcher.forget(*key)

    async def _care(self, key: Key) -> None:
        failures = 0
        entry = self._entries[key]
        while True:
            entry.due.clear()
            try:
                async with self._slots:
                    ready, interval = await self._reconcile(key)
            except KubeError as error:
                _say(f"{key}: {error}")
                ready, interval = False, _IDLE_SECONDS
            failures = 0 if ready else failures + 1
            pause = interval if ready else retry_delay(failures, interval)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(entry.due.wait(), pause)

    async def _reconcile(self, key: Key) -> tuple[bool, float]:
        """Fetch once; whether that went well, and the object's interval in seconds."""
        item = await self._client.get(GIT_REPOSITORIES, key.name, key.namespace)
        if item["spec"].get("suspend"):
            return True, _IDLE_SECONDS
        status = await self._next_status(key, item)
        if not _is_within(status, item.get("status") or {}):
            await self._client.merge_patch(
                GIT_REPOSITORIES, key.name, key.namespace, {"status": status}, subresource="status"
            )
            await self._tell(key, item, status)
        return status["conditions"][0]["status"] == "True", seconds(item["spec"]["interval"])

    async def _tell(self, key: Key, item: Object, status: dict[str, Any]) -> None:
        _say(f"{key}: {status['conditions'][0]['message']}")
        if told := event(item, status, self._now()):
            await self._client.create(EVENTS, told)

    async def _next_status(self, key: Key, item: Object) -> dict[str, Any]:
        try:
            asked = wanted(item)
            found = await self._credential(key.namespace, asked) if asked.secret else None
            artifact = await self._fetcher.fetch(key.namespace, key.name, asked, found)
        except RefusedError as error:
            return failed(item, error.reason, str(error), self._now())
        return succeeded(item, artifact, self._now())

    async def _credential(self, namespace: str, asked: Wanted) -> Credential:
        secret = await self._client.find(SECRETS, asked.secret, namespace)
        try:
            return credential(asked.url, asked.secret, (secret or {}).get("data") or {})
        except CredentialError as error:
            raise RefusedError("AuthenticationFailed", str(error)) from None


def _is_within(new: dict[str, Any], old: dict[str, Any]) -> bool:
    return all(old.get(key) == value for key, value in new.items())


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
