"""Composition root of the dashboard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app_platform.dashboard.application import create_app
from app_platform.dashboard.composition import compose
from app_platform.dashboard.labelled_secrets import SERVICE
from app_platform.dashboard.serving import serve
from app_platform.dashboard.settings import Settings
from app_platform.dashboard.web.site import Site
from app_platform.diagnosis.adapters import RecordedBus
from app_platform.kube import ClusterConfig, KubeClient
from app_platform.runtime import SESSIONS, Runtime, Service, load, run


def main() -> None:
    """Run until a signal ends it."""
    settings = load(Settings)

    @asynccontextmanager
    async def ports(runtime: Runtime) -> AsyncIterator[Site]:
        async with KubeClient(ClusterConfig.load(), user_agent=SERVICE) as client:
            history = runtime.history()
            yield compose(settings, client, runtime.store(SESSIONS), history, RecordedBus(history))

    run(
        Service(
            name=SERVICE,
            settings=settings,
            ports=ports,
            tasks=(
                lambda site: site.directory.run(),
                lambda site: site.speakable.run(),
                lambda site: serve(create_app(site), settings),
            ),
            checks=lambda site: {
                "registrations": lambda: site.directory.synced,
                "groups": lambda: site.speakable.synced,
            },
        )
    )


if __name__ == "__main__":
    main()
