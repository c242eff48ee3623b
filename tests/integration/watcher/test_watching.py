"""The watches on a real API server: what is told of an app when it becomes ours, whatever was seen first."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from app_platform.contracts import FluxObjectChanged, names
from app_platform.kube import GIT_REPOSITORIES, NAMESPACES, ClusterConfig, KubeClient
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.watcher.apps import Apps
from app_platform.watcher.ports import History
from app_platform.watcher.settings import Settings
from app_platform.watcher.watching import Watching
from support.fakes.events import Sink

ME, OTHER = "watcher-0", "watcher-1"


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})) as made:
        yield made


@pytest.fixture
async def source(client: KubeClient) -> str:
    """The managed GitRepository of an app that is not registered yet; its app."""
    app = f"seen-{uuid4().hex[:8]}"
    home = names.platform_namespace(app)
    await client.create(NAMESPACES, NAMESPACES.manifest(home))
    spec = {"url": "https://example.com/o/r.git", "interval": "10m", "suspend": True}
    await client.create(GIT_REPOSITORIES, GIT_REPOSITORIES.manifest(home, home, spec=spec))
    return app


class Replica:
    """One replica of watcher, of which the first of those that live has every app."""

    def __init__(self, client: KubeClient) -> None:
        self.sink = Sink()

        async def incarnation() -> datetime:
            return datetime.now(UTC)

        apps = Apps(ME, lambda replicas, _app: replicas[0])
        settings = Settings(nats_url="nats://127.0.0.1:1", nats_nkey=Path("unused"))
        self.watching = Watching(client, apps, History(self.sink, incarnation), settings)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        work = (self.watching.watch_registrations(), self.watching.watch_flux(), self.watching.outbox.run())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.watching.close()

    def told(self, app: str) -> bool:
        """Whether the app's Flux object was told."""
        return any(isinstance(event, FluxObjectChanged) and event.app == app for event in self.sink.events)

    async def until_told(self, app: str) -> None:
        async with asyncio.timeout(30):
            while not self.told(app):  # noqa: ASYNC110 - the sink is a list
                await asyncio.sleep(0.05)


async def test_flux_objects_that_were_there_before_the_registration_are_told_with_it(
    client: KubeClient, source: str
) -> None:
    replica = Replica(client)
    replica.watching.on_members((ME, OTHER))
    async with replica.running():
        await _quiet(replica)
        assert not replica.told(source), "nobody knows yet whose it is"
        await client.create(REGISTRATIONS, REGISTRATIONS.manifest(source, spec={}))
        await replica.until_told(source)


async def test_flux_objects_of_an_app_that_is_taken_over_are_told(client: KubeClient, source: str) -> None:
    await client.create(REGISTRATIONS, REGISTRATIONS.manifest(source, spec={}))
    replica = Replica(client)
    replica.watching.on_members((OTHER, ME))
    async with replica.running():
        await _quiet(replica)
        assert not replica.told(source), "the other one tells it"
        replica.watching.on_members((ME,))
        await replica.until_told(source)


async def _quiet(replica: Replica) -> None:
    """Wait until all that exists has been seen."""
    async with asyncio.timeout(30):
        await replica.watching._registrations.synced.wait()  # noqa: SLF001 - nobody else waits for these
        for informer in replica.watching._flux.values():  # noqa: SLF001 - as above
            await informer.synced.wait()
