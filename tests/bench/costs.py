"""What work costs: CPU of each process, and bytes in NATS' store, for secrets that change and for apps that are merely looked at.

On a whole platform with one replica of each service. A round looks at every app, down to the comparison of all files with all intents;
rounds come here every few seconds instead of every ten minutes, so that what one costs is not lost in what being there costs.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from app_platform.contracts import names
from app_platform.kube import SECRETS, ClusterConfig, KubeClient
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import SERVICES, Options, Platform
from app_platform.local.supervise.control import Control
from app_platform.runtime import RuntimeSettings
from app_platform.runtime.connection import connected, jetstream
from app_platform.runtime.permissions import BOOTSTRAP
from app_platform.runtime.streams import EVENTS
from bench.pipeline import until

_ROUND: Final = 10.0
_HOUR: Final = 3600.0
_MINUTE: Final = 60.0
"""In which Flux fetches every repository once, whatever happens."""
_QUIET: Final = 45.0
"""Seconds until Flux has applied the last commits and all has been told."""
_PER_APP: Final = 5
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """What something cost.

    Attributes:
        cpu: Seconds by program; replicas of one are added up.
        stored: Bytes that the history of events grew by.
    """

    cpu: Mapping[str, float]
    stored: float

    def per(self, count: float) -> "Spent":
        """For one of so many."""
        return Spent({name: each / count for name, each in self.cpu.items()}, self.stored / count)


@dataclass(frozen=True)
class Costs:
    """What was measured.

    Attributes:
        secret: For one secret, from its creation until it is committed; created together with others.
        look: For one app in one round, with ``secrets`` secrets that did not change.
        app: For one app in an hour without a round and without a change.
        platform: For one hour without any app.
        apps: How many there were.
        secrets: Of each.
    """

    secret: Spent
    look: Spent
    app: Spent
    platform: Spent
    apps: int
    secrets: int = _PER_APP


def measure(folder: Path, apps: int) -> Costs:
    """Register apps, create secrets in each, and let rounds pass, on a platform of their own."""
    platform = _platform(folder, resync_seconds=3600)
    platform.up()
    try:
        return asyncio.run(_measure(platform, folder, apps))
    finally:
        platform.reset()


async def _measure(platform: Platform, folder: Path, apps: int) -> Costs:
    empty = await _a_minute(platform)
    secret = await _busy(platform, [f"cost-{number:04d}" for number in range(apps)])
    idle = await _a_minute(platform)
    await asyncio.to_thread(_platform(folder, resync_seconds=_ROUND).up)
    look = _difference(idle, await _a_minute(platform)).per(apps * _MINUTE / _ROUND)
    app = _difference(empty, idle).per(apps * _MINUTE / _HOUR)
    return Costs(secret, look, app, empty.per(_MINUTE / _HOUR), apps)


def _platform(folder: Path, resync_seconds: float) -> Platform:
    env = {"APP_PLATFORM_RESYNC_SECONDS": f"{resync_seconds:.0f}"}
    services = tuple(replace(each, env=env) if each.name == "watcher" else each for each in SERVICES)
    return Platform(folder, Options(services=services, with_caller=True))


async def _busy(platform: Platform, apps: list[str]) -> Spent:
    async with KubeClient(ClusterConfig.load(platform.env), user_agent="bench") as client:
        for app in apps:
            spec = {"namespaces": [f"{app}-prod"], "access": [{"group": f"{app}-admins", "role": "admin"}]}
            manifest = REGISTRATIONS.manifest(app, spec=spec)
            await client.apply(REGISTRATIONS, manifest, field_manager="bench", force=True)
        await until(partial(_ready, client, len(apps)), "all apps are Ready", within=60 + 3 * len(apps))
        before = await _meter(platform)
        slots = asyncio.Semaphore(16)
        await asyncio.gather(*(_create(client, app, n, slots) for app in apps for n in range(_PER_APP)))
        count = len(apps) * _PER_APP
        await until(partial(_committed, client, apps), "all are committed", within=60 + count)
        return _difference(before, await _meter(platform)).per(count)


async def _a_minute(platform: Platform) -> Spent:
    """What is spent in a minute in which nobody does anything, once what was done before is over."""
    await asyncio.sleep(_QUIET)
    before = await _meter(platform)
    await asyncio.sleep(_MINUTE)
    return _difference(before, await _meter(platform))


async def _create(client: KubeClient, app: str, number: int, slots: asyncio.Semaphore) -> None:
    manifest = SECRETS.manifest(
        f"secret-{number}", names.platform_namespace(app), stringData={"password": f"of-{app}", "user": "app"}
    )
    manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    manifest["metadata"]["annotations"] = {names.TARGET_NAMESPACES: f"{app}-prod"}
    async with slots:
        await client.create(SECRETS, manifest, metadata_only=True)


async def _ready(client: KubeClient, count: int) -> bool:
    await asyncio.sleep(0.5)
    conditions = [each.get("status", {}).get("conditions", ()) for each in await client.list(REGISTRATIONS)]
    return (
        sum(any(c["type"] == "Ready" and c["status"] == "True" for c in each) for each in conditions) >= count
    )


async def _committed(client: KubeClient, apps: list[str]) -> bool:
    await asyncio.sleep(0.5)
    for app in apps:
        found = await client.list(SECRETS, names.platform_namespace(app), metadata_only=True)
        notes = [each["metadata"].get("annotations") or {} for each in found]
        if sum(each.get(names.SECRET_STATUS) == "Committed" for each in notes) < _PER_APP:
            return False
    return True


async def _meter(platform: Platform) -> Spent:
    settings = RuntimeSettings(nats_url=platform.env["NATS_URL"], nats_nkey=Path(platform.env["NATS_NKEY"]))
    async with connected(settings, BOOTSTRAP, wait=False) as nats:
        info = await jetstream(nats).stream_info(EVENTS)
    return Spent(cpu_seconds(platform.control), float(info.state.bytes))


def _difference(before: Spent, after: Spent) -> Spent:
    """The second less the first, where that is more; a process that was started again counts from its start."""
    cpu = {name: max(0.0, each - before.cpu.get(name, 0.0)) for name, each in after.cpu.items()}
    return Spent(cpu, max(0.0, after.stored - before.stored))


def cpu_seconds(control: Control) -> dict[str, float]:
    """CPU of each program so far, with that of the processes it has waited for (proc(5), ``stat``); replicas are added up."""
    found: dict[str, float] = {}
    for name, child in control.status().items():
        if child.pid is not None:
            fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
            program = name.rstrip("0123456789").rstrip("-")
            found[program] = found.get(program, 0.0) + sum(map(int, fields[11:15])) / _TICKS
    return found
