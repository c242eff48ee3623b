"""The dashboard's pages with many rows: how long the server takes, held against the API server's list alone.

In this process, without a browser and without the other services: one app with many secrets among many apps. A page reads everything,
then filters, cuts and renders it; the list is what it cannot do without.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from app_platform.contracts import Access, Registration, RegistrationSpec, Role, names
from app_platform.dashboard.application import create_app
from app_platform.dashboard.composition import compose
from app_platform.dashboard.people import Person
from app_platform.dashboard.sessions import Token
from app_platform.dashboard.settings import Settings
from app_platform.dashboard.web.cookies import SESSION
from app_platform.diagnosis.adapters import NoBus
from app_platform.kube import SECRETS, ClusterConfig, KubeClient, Selector
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import Options, Platform
from app_platform.local.bootstrap import resource_of
from app_platform.namespace_rbac import manifests
from support.fakes.past import MemoryPast
from support.fakes.store import MemoryStore

APP: Final = "pages"
_URL: Final = "http://127.0.0.1:1"
_WHO: Final = Person("bench", ("bench", "platform-admins"))
_ROUNDS: Final = 15
_AT_ONCE: Final = 16
_INTENTS: Final = Selector(labels=f"{names.SECRET_INTENT_LABEL}=true")
_KEYS: Final = {"username": "YQ==", "password": "YQ=="}


@dataclass(frozen=True)
class Figure:
    """One page.

    Attributes:
        seconds: Median.
        alone: Median of the API server's list alone.
    """

    seconds: float
    alone: float


@dataclass(frozen=True)
class Pages:
    """All of them."""

    registrations: Figure
    secrets: Figure


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
        async with _browser(platform) as browser:
            return Pages(
                await _figure(browser, "/registrations", lambda: root.list(REGISTRATIONS)),
                await _figure(
                    browser,
                    f"/apps/{APP}/secrets",
                    lambda: root.list(SECRETS, f"{APP}-platform", _INTENTS, metadata_only=True),
                ),
            )


async def _figure(browser: httpx2.AsyncClient, path: str, alone: Callable[[], Awaitable[Any]]) -> Figure:
    pages, lists = [], []
    for _ in range(_ROUNDS):  # by turns, so that whatever else runs slows both
        pages.append(await _seconds(lambda: _open(browser, path)))
        lists.append(await _seconds(alone))
    return Figure(statistics.median(pages), statistics.median(lists))


async def _open(browser: httpx2.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    if answer.status_code != httpx2.codes.OK or "50 of" not in answer.text:
        raise RuntimeError(f"{path} answered {answer.status_code} or another page")


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


@asynccontextmanager
async def _browser(platform: Platform) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who is signed in, in front of the application, which knows all apps."""
    settings = Settings(
        nats_url="nats://unused", dashboard_url=_URL, oidc_issuer_url=_URL, recheck_seconds=86_400
    )
    own = ClusterConfig.load({"KUBECONFIG": str(platform.state.kubeconfig("dashboard"))})
    async with KubeClient(own, user_agent="dashboard") as client, asyncio.TaskGroup() as group:
        site = compose(settings, client, MemoryStore(), MemoryPast(), NoBus("no NATS here"))
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
