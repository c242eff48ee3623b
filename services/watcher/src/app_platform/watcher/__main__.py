"""Composition root of watcher."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app_platform.contracts import names
from app_platform.kube import ClusterConfig, Group, KubeClient, Membership, share
from app_platform.runtime import Runtime, Service, load, run
from app_platform.watcher.apps import Apps
from app_platform.watcher.ports import History
from app_platform.watcher.settings import Settings
from app_platform.watcher.watching import Watching

SERVICE = "watcher"


@dataclass(frozen=True)
class Parts:
    """What runs in this process."""

    watching: Watching
    membership: Membership


def main() -> None:
    """Run until a signal ends it."""
    settings = load(Settings)
    labels = {names.MANAGED_BY_LABEL: names.MANAGED_BY, "app.kubernetes.io/name": SERVICE}
    group = Group(
        settings.lease_namespace, SERVICE, labels, settings.lease_seconds, settings.lease_seconds / 3
    )

    @asynccontextmanager
    async def ports(runtime: Runtime) -> AsyncIterator[Parts]:
        async with KubeClient(ClusterConfig.load(), user_agent=SERVICE) as client:
            history = History(runtime.events, runtime.incarnation)
            watching = Watching(client, Apps(settings.replica, share), history, settings)
            yield Parts(watching, Membership(client, group, settings.replica))
            await watching.close()

    run(
        Service(
            name=SERVICE,
            settings=settings,
            ports=ports,
            tasks=(
                lambda parts: parts.membership.run(parts.watching.on_members),
                lambda parts: parts.watching.watch_registrations(),
                lambda parts: parts.watching.watch_flux(),
                lambda parts: parts.watching.watch_managed(),
                lambda parts: parts.watching.outbox.run(),
                lambda parts: parts.watching.resync(),
            ),
            checks=lambda parts: {"registrations": lambda: parts.watching.synced},
        )
    )


if __name__ == "__main__":
    main()
