"""Many apps at once: how soon a change in any of them is told, and what watching them costs.

Runs the watcher in several replicas, which share the apps, and namespace-rbac, which binds the services in each platform namespace;
the later stages would measure Git. A change is a new secret intent; it is told when its event arrives over NATS.
"""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from nats.aio.client import Client

from app_platform.contracts import names, subjects
from app_platform.kube import SECRETS, ClusterConfig, KubeClient
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import SERVICES, Options, Platform
from app_platform.runtime import RuntimeSettings
from app_platform.runtime.connection import connected
from app_platform.runtime.permissions import BOOTSTRAP
from bench.pipeline import peak_memory, until

_SAMPLE: Final = 20
_AT_ONCE: Final = 16
_SLOWEST: Final = 1.0
"""Seconds that registering may take for each app."""


@dataclass(frozen=True)
class ManyApps:
    """What was measured.

    Attributes:
        registering: Seconds from the first registration to the last whose namespaces are ready.
        alone: Median seconds until a change is told while there is one app.
        among_many: The same while there are all; of apps picked over the whole list, the last among them.
        worst: Of these.
        connections: Open sockets of the replica of the watcher that has most.
        memory: Peak resident memory by process, in MiB.
    """

    registering: float
    alone: float
    among_many: float
    worst: float
    connections: int
    memory: Mapping[str, float]


def measure(folder: Path, count: int, watchers: int = 2) -> ManyApps:
    """Register ``count`` apps on a platform of their own, watched by that many replicas."""
    runs = {"watcher": watchers, "namespace-rbac": 1}
    services = tuple(replace(each, replicas=runs[each.name]) for each in SERVICES if each.name in runs)
    platform = Platform(folder, Options(services=services, with_caller=True))
    platform.up()
    try:
        return asyncio.run(_measure(platform, [f"many-{number:05d}" for number in range(count)]))
    finally:
        platform.reset()


async def _measure(platform: Platform, apps: Sequence[str]) -> ManyApps:
    settings = RuntimeSettings(nats_url=platform.env["NATS_URL"], nats_nkey=Path(platform.env["NATS_NKEY"]))
    async with (
        KubeClient(ClusterConfig.load(platform.env), user_agent="bench") as client,
        connected(settings, BOOTSTRAP, wait=False) as nats,
    ):
        await _register(client, apps[:1])
        alone = [await _told_after(client, nats, apps[0]) for _ in range(_SAMPLE)]
        started = time.perf_counter()
        await _register(client, apps)
        registering = time.perf_counter() - started
        picked = [apps[-1], *apps[:: max(1, len(apps) // _SAMPLE)]]
        told = [await _told_after(client, nats, app) for app in picked]
    return ManyApps(
        registering,
        statistics.median(alone),
        statistics.median(told),
        max(told),
        max(
            _sockets(child.pid)
            for name, child in platform.control.status().items()
            if name.startswith("watcher")
        ),
        peak_memory(platform.control),
    )


async def _register(client: KubeClient, apps: Sequence[str]) -> None:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(app: str) -> None:
        spec = {"namespaces": [f"{app}-prod"], "access": [{"group": f"{app}-admins", "role": "admin"}]}
        async with slots:
            await client.apply(
                REGISTRATIONS, REGISTRATIONS.manifest(app, spec=spec), field_manager="bench", force=True
            )

    await asyncio.gather(*(one(app) for app in apps))
    await until(
        partial(_have_namespaces, client, set(apps)),
        "all apps have their namespaces",
        within=60 + _SLOWEST * len(apps),
    )


async def _have_namespaces(client: KubeClient, apps: set[str]) -> bool:
    await asyncio.sleep(0.5 + len(apps) / 1000)  # to list a thousand registrations is not free
    ready = {each["metadata"]["name"] for each in await client.list(REGISTRATIONS) if _has_namespaces(each)}
    return apps <= ready


def _has_namespaces(registration: Mapping[str, Any]) -> bool:
    conditions = registration.get("status", {}).get("conditions", ())
    return any(each["type"] == "NamespacesReady" and each["status"] == "True" for each in conditions)


async def _told_after(client: KubeClient, nats: Client, app: str) -> float:
    """Seconds from the creation of an intent to its event."""
    told = await nats.subscribe(f"{subjects.EVENTS}.{app}.>")
    await nats.flush()
    name = f"bench-{time.monotonic_ns()}"
    manifest = SECRETS.manifest(name, names.platform_namespace(app), stringData={"key": "value"})
    manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    manifest["metadata"]["annotations"] = {names.TARGET_NAMESPACES: f"{app}-prod"}
    started = time.perf_counter()
    await client.create(SECRETS, manifest, metadata_only=True)
    while name not in (await told.next_msg(timeout=60)).subject:
        continue
    seconds = time.perf_counter() - started
    await told.unsubscribe()
    return seconds


def _sockets(pid: int | None) -> int:
    found = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found += str(file.readlink()).startswith("socket:")
    return found
