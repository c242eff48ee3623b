"""Composition root of watcher."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from app_platform.contracts import names
from app_platform.kube import ClusterConfig, Group, KubeClient, Membership, share
from app_platform.runtime import Runtime, Service, load, run, telemetry
from app_platform.runtime.telemetry import Reading
from app_platform.watcher import census
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
            show(watching)
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


def show(watching: Watching) -> None:
    """Show as metrics what this replica's apps are like; the sum over all replicas is that of all apps."""
    telemetry.gauges(
        "app_platform.registrations",
        "Registrations by condition, its status and reason",
        lambda: [
            Reading(count, {"condition": seen.type, "status": seen.status, "reason": seen.reason})
            for seen, count in census.by_condition(watching.conditions).items()
        ],
    )
    _show_statuses("intents", "secret intent", lambda: watching.intents)
    _show_statuses("oidc.clients", "OIDC client", lambda: watching.clients)


def _show_statuses(name: str, what: str, seen: Callable[[], Iterable[census.StatusSeen]]) -> None:
    telemetry.gauges(
        f"app_platform.{name}",
        f"How many of each status: {what}",
        lambda: [Reading(count, {"status": status}) for status, count in census.by_status(seen()).items()],
    )
    telemetry.gauges(
        f"app_platform.{name}.oldest_pending",
        f"How long the {what} that waits longest has waited",
        lambda: [Reading(census.oldest_pending(seen(), datetime.now(UTC)))],
        unit="s",
    )


if __name__ == "__main__":
    main()
