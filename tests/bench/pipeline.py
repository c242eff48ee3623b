"""The whole pipeline: many intents at once, and one at a time."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from app_platform.contracts import names
from app_platform.kube import SECRETS, ClusterConfig, Informer, KubeClient, NotFound, Scope, Selector
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local.supervise.control import Control
from app_platform.runtime import RuntimeSettings
from app_platform.runtime.connection import connected
from app_platform.runtime.history import History, Query
from app_platform.runtime.permissions import READER

APP: Final = "bench"
TARGETS: Final = ("bench-dev", "bench-prod")
_LIMIT: Final = 90.0
_INTENTS: Final = Selector(labels=f"{names.SECRET_INTENT_LABEL}=true")


@dataclass(frozen=True)
class Bulk:
    """Many intents: seconds from the first creation to the last Committed, and commits made."""

    seconds: float
    commits: int


@dataclass(frozen=True)
class Idle:
    """One intent at a time, in seconds from its creation."""

    committed_median: float
    committed_worst: float
    live_median: float
    live_worst: float


class Statuses:
    """Follows the status of all intents by a watch, as metadata."""

    def __init__(self) -> None:
        self.committed: set[str] = set()
        self._changed = asyncio.Condition()

    async def see(self, change: Any) -> None:
        """Take in a change."""
        async with self._changed:
            if change.value == "Committed" and change.type != "deleted":
                self.committed.add(change.key.name)
            else:
                self.committed.discard(change.key.name)
            self._changed.notify_all()

    async def until(self, wanted: Callable[[set[str]], bool]) -> None:
        """Wait until the committed intents are as wanted; raises ``TimeoutError``."""
        async with asyncio.timeout(_LIMIT), self._changed:
            await self._changed.wait_for(lambda: wanted(self.committed))


@asynccontextmanager
async def prepared(env: Mapping[str, str]) -> AsyncIterator[tuple[KubeClient, Statuses]]:
    """A ready app, and its intents followed."""
    async with KubeClient(ClusterConfig.load(env), user_agent="bench") as client:
        spec = {"namespaces": list(TARGETS), "access": [{"group": "bench", "role": "admin"}]}
        await client.apply(
            REGISTRATIONS, {"metadata": {"name": APP}, "spec": spec}, field_manager="bench", force=True
        )
        await until(lambda: is_ready(client), "the registration is Ready")
        statuses = Statuses()
        informer = Informer(
            client, Scope(SECRETS, f"{APP}-platform", _INTENTS, metadata_only=True), status_of
        )
        following = asyncio.create_task(informer.run(statuses.see))
        await informer.synced.wait()
        try:
            yield client, statuses
        finally:
            following.cancel()


def status_of(obj: Mapping[str, Any]) -> str:
    """The status annotation of an intent."""
    return str(obj["metadata"].get("annotations", {}).get(names.SECRET_STATUS, ""))


async def is_ready(client: KubeClient) -> bool:
    """Whether the registration is Ready."""
    status = (await client.get(REGISTRATIONS, APP)).get("status", {})
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))


async def until(check: Callable[[], Awaitable[bool]], what: str, within: float = _LIMIT) -> None:
    """Wait for something, looking often; raises ``TimeoutError`` naming it."""
    try:
        async with asyncio.timeout(within):
            while not await check():  # noqa: ASYNC110 - the API server is asked, it does not tell
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(f"waited {within:.0f} s in vain until {what}") from None


def intent(name: str) -> dict[str, Any]:
    """A small intent for both targets."""
    manifest = SECRETS.manifest(
        name, f"{APP}-platform", stringData={"password": f"password-{name}", "user": "app"}
    )
    manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    manifest["metadata"]["annotations"] = {names.TARGET_NAMESPACES: ",".join(TARGETS)}
    return manifest


async def bulk(env: Mapping[str, str], count: int) -> Bulk:
    """Create many intents as fast as the API server takes them."""
    wanted = {f"bulk-{i}" for i in range(count)}
    async with prepared(env) as (client, statuses):
        before = await commits(env)
        started = time.perf_counter()
        await asyncio.gather(
            *(client.create(SECRETS, intent(name), metadata_only=True) for name in sorted(wanted))
        )
        await statuses.until(lambda committed: wanted <= committed)
        seconds = time.perf_counter() - started
        return Bulk(seconds, await commits(env) - before)


async def floor(env: Mapping[str, str], count: int) -> float:
    """Seconds for the API server's part of ``bulk`` alone: the same writes on Secrets that nobody looks at."""
    async with prepared(env) as (client, _):

        async def one(name: str) -> None:
            manifest = intent(name)
            del manifest["metadata"]["labels"]
            await client.create(SECRETS, manifest, metadata_only=True)
            for status in ("Pending", "Committed"):
                patch = {"metadata": {"annotations": {names.SECRET_STATUS: status}}}
                await client.merge_patch(SECRETS, name, f"{APP}-platform", patch, metadata_only=True)

        started = time.perf_counter()
        await asyncio.gather(*(one(f"floor-{i}") for i in range(count)))
        return time.perf_counter() - started


async def commits(env: Mapping[str, str]) -> int:
    """How many commits the history tells of."""
    settings = RuntimeSettings(nats_url=env["NATS_URL"], nats_nkey=Path(env["NATS_READER_NKEY"]))
    async with connected(settings, READER, wait=False) as client:
        found = [r async for r in History(client, READER, settings).events(Query(APP, "commit"))]
    return len({getattr(r.event, "sha", "") for r in found if getattr(r.event, "paths", ())})


async def idle(env: Mapping[str, str], times: int) -> Idle:
    """Create one intent after the other, each when the one before is live."""
    committed, live = [], []
    async with prepared(env) as (client, statuses):
        for number in range(times):
            name = f"idle-{number}"
            started = time.perf_counter()
            await client.create(SECRETS, intent(name), metadata_only=True)
            await statuses.until(partial(_holds, name))
            committed.append(time.perf_counter() - started)
            await until(partial(is_live, client, name), f"{name} is live in both namespaces")
            live.append(time.perf_counter() - started)
    return Idle(statistics.median(committed), max(committed), statistics.median(live), max(live))


def _holds(name: str, found: set[str]) -> bool:
    return name in found


async def is_live(client: KubeClient, name: str) -> bool:
    """Whether the Secret is in both target namespaces."""
    try:
        for namespace in TARGETS:
            await client.get(SECRETS, name, namespace, metadata_only=True)
    except NotFound:
        return False
    return True


def peak_memory(control: Control) -> dict[str, float]:
    """Peak resident memory of each of our services so far, in MiB (proc(5), ``VmHWM``)."""
    ours = ("watcher", "namespace-rbac", "secrets-encryptor", "git-committer")
    found = {}
    for name, child in control.status().items():
        if name.startswith(ours) and child.pid is not None:
            lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
            found[name] = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return found
