"""The dashboard's pages with many rows: how long the server takes, held against the API server's list alone.

In this process, without a browser and without the other services: one app with many secrets and OIDC clients among many apps, and a history
as long as a timeline looks at. A page reads everything, then filters, cuts and renders it; the list is what it cannot do without. The history
lies in memory here: for the timeline, the list of secrets says only how fast the machine is.
"""

import asyncio
import base64
import re
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2

from app_platform.contracts import (
    Access,
    CommitPushed,
    Event,
    Registration,
    RegistrationSpec,
    Role,
    SecretIntentChanged,
    names,
    oidc,
)
from app_platform.contracts.cloudevents import Envelope
from app_platform.dashboard.application import create_app
from app_platform.dashboard.composition import compose
from app_platform.dashboard.people import Person
from app_platform.dashboard.sessions import Token
from app_platform.dashboard.settings import Settings
from app_platform.dashboard.timelines.past import MOST
from app_platform.dashboard.web.cookies import SESSION
from app_platform.diagnosis.adapters import NoBus
from app_platform.kube import SECRETS, ClusterConfig, KubeClient, Selector
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import Options, Platform
from app_platform.local.bootstrap import resource_of
from app_platform.namespace_rbac import manifests
from app_platform.runtime.history import Recorded
from support.fakes.past import MemoryPast
from support.fakes.store import MemoryStore

APP: Final = "pages"
_URL: Final = "http://127.0.0.1:1"
_WHO: Final = Person("bench", ("bench", "platform-admins"))
_ROUNDS: Final = 15
_AT_ONCE: Final = 16
_CLIENTS: Final = Selector(labels=names.OIDC_CLIENT_LABEL)
_INTENTS: Final = Selector(labels=f"{names.SECRET_INTENT_LABEL}=true")
_KEYS: Final = {"username": "YQ==", "password": "YQ=="}


@dataclass(frozen=True)
class Figure:
    """One page.

    Attributes:
        seconds: Median.
        alone: Median of the API server's list alone.
        kib: Size of the page, in KiB.
        elements: That a browser makes of it.
    """

    seconds: float
    alone: float
    kib: float
    elements: int


@dataclass(frozen=True)
class Pages:
    """All of them."""

    registrations: Figure
    secrets: Figure
    clients: Figure
    timeline: Figure


def measure(folder: Path, count: int) -> Pages:
    """Fill a platform of its own with ``count`` apps and secrets, over 50 each, and open the pages that list them."""
    platform = Platform(folder, Options(services=(), with_caller=True, fsync=False))
    platform.up()
    try:
        return asyncio.run(_measure(platform, count))
    finally:
        platform.down()


async def _measure(platform: Platform, count: int) -> Pages:
    async with KubeClient(ClusterConfig.load(platform.env)) as root:
        await _fill(root, count)

        def listed(selector: Selector) -> Awaitable[Any]:
            return root.list(SECRETS, f"{APP}-platform", selector, metadata_only=True)

        async with _browser(platform) as browser:
            return Pages(
                await _figure(browser, "/registrations", lambda: root.list(REGISTRATIONS)),
                await _figure(browser, f"/apps/{APP}/secrets", lambda: listed(_INTENTS)),
                await _figure(browser, f"/apps/{APP}/oidc-clients", lambda: listed(_CLIENTS)),
                await _figure(browser, f"/apps/{APP}/timeline", lambda: listed(_INTENTS)),
            )


async def _figure(browser: httpx2.AsyncClient, path: str, alone: Callable[[], Awaitable[Any]]) -> Figure:
    pages, lists = [], []
    for _ in range(_ROUNDS):  # by turns, so that whatever else runs slows both
        pages.append(await _seconds(lambda: _open(browser, path)))
        lists.append(await _seconds(alone))
    text = await _open(browser, path)
    elements = len(re.findall(r"<[a-z]", text))
    return Figure(statistics.median(pages), statistics.median(lists), len(text) / 1024, elements)


async def _open(browser: httpx2.AsyncClient, path: str) -> str:
    answer = await browser.get(path)
    if answer.status_code != httpx2.codes.OK or "50 of" not in answer.text:
        raise RuntimeError(f"{path} answered {answer.status_code} or another page")
    return answer.text


async def _seconds(what: Callable[[], Awaitable[Any]]) -> float:
    start = time.perf_counter()
    await what()
    return time.perf_counter() - start


async def _fill(root: KubeClient, count: int) -> None:
    spec = RegistrationSpec(namespaces=(f"{APP}-dev",), access=(Access(group="bench", role=Role.ADMIN),))
    body = REGISTRATIONS.manifest(APP, spec=spec.model_dump(mode="json", by_alias=True))
    registration = Registration.from_object(await root.create(REGISTRATIONS, body))
    for manifest in _made(registration):
        await root.apply(resource_of(manifest), manifest, field_manager="bench", force=True)
    limit = asyncio.Semaphore(_AT_ONCE)

    async def create(number: int) -> None:
        async with limit:
            app = REGISTRATIONS.manifest(f"app-{number}", spec={"namespaces": [f"app-{number}-dev"]})
            await root.create(REGISTRATIONS, app)
            await root.create(SECRETS, _secret(number), metadata_only=True)
            await root.create(SECRETS, _client(number), metadata_only=True)

    await asyncio.gather(*(create(number) for number in range(count)))


def _made(registration: Registration) -> list[dict[str, Any]]:
    """What namespace-rbac makes of it."""
    home = manifests.namespace(registration.name, registration.platform_namespace, names.ROLE_PLATFORM)
    inside = manifests.in_platform_namespace(registration, (), ())
    speaking = manifests.dashboard_impersonation(frozenset(_WHO.groups))
    return [home, *inside, *manifests.for_registration(registration), *speaking]


def _secret(number: int) -> dict[str, Any]:
    secret = SECRETS.manifest(f"secret-{number}", f"{APP}-platform", data=_KEYS)
    secret["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    secret["metadata"]["annotations"] = {
        names.TARGET_NAMESPACES: f"{APP}-dev",
        names.SECRET_STATUS: "Committed",
    }
    return secret


def _client(number: int) -> dict[str, Any]:
    hostname = base64.b64encode(f"c{number}.example.com".encode()).decode()
    secret = SECRETS.manifest(f"client-{number}", f"{APP}-platform", data={oidc.HOSTNAME: hostname})
    secret["metadata"]["labels"] = {names.OIDC_CLIENT_LABEL: f"client-{number}", names.APP_LABEL: APP}
    secret["metadata"]["annotations"] = {names.OIDC_STATUS: "Registered"}
    return secret


def _history() -> MemoryPast:
    """As many changes of secrets and commits as a timeline looks at."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return MemoryPast(
        [
            Recorded(_event(number), Envelope("/bench", start + timedelta(seconds=number)), number + 1, "")
            for number in range(MOST)
        ]
    )


def _event(number: int) -> Event:
    secret = f"secret-{number // 2 % 1000}"
    if number % 2:
        return CommitPushed(
            app=APP,
            name=f"{number:040x}"[:12],
            sha=f"{number:040x}",
            paths=(secret,),
            intents=(),
            removed=(),
            digest="",
        )
    return SecretIntentChanged(app=APP, name=secret, uid=secret, resource_version=str(number))


@asynccontextmanager
async def _browser(platform: Platform) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who is signed in, in front of the application, which knows all apps."""
    settings = Settings(
        nats_url="nats://unused", dashboard_url=_URL, oidc_issuer_url=_URL, recheck_seconds=86_400
    )
    own = ClusterConfig.load({"KUBECONFIG": str(platform.state.kubeconfig("dashboard"))})
    async with KubeClient(own, user_agent="dashboard") as client, asyncio.TaskGroup() as group:
        site = compose(settings, client, MemoryStore(), _history(), NoBus("no NATS here"))
        tasks = [group.create_task(site.directory.run()), group.create_task(site.speakable.run())]
        while not (site.directory.synced and site.speakable.synced):  # noqa: ASYNC110 - two informers, a moment
            await asyncio.sleep(0.05)
        record_id, _ = await site.sessions.start(_WHO, "subject", Token())
        transport = httpx2.ASGITransport(create_app(site))
        async with httpx2.AsyncClient(
            transport=transport, base_url=_URL, cookies={SESSION: record_id}
        ) as browser:
            yield browser
        for task in tasks:
            task.cancel()
