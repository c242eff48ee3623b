"""Composition root of git-committer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app_platform.git_committer.adapters.cluster import SERVICE, KubernetesCluster
from app_platform.git_committer.adapters.delivered import KubernetesDelivered
from app_platform.git_committer.adapters.fetching import fetching
from app_platform.git_committer.adapters.forges import prepare
from app_platform.git_committer.adapters.measured import MeasuredForge
from app_platform.git_committer.adapters.sources import KubernetesSources
from app_platform.git_committer.adapters.webhooks import receiving
from app_platform.git_committer.dry_run import dry
from app_platform.git_committer.handlers import HANDLERS, gave_up
from app_platform.git_committer.ports import AppKeys, Ports
from app_platform.git_committer.settings import Settings
from app_platform.kube import RETRIABLE, ClusterConfig, KubeClient, KubeError
from app_platform.kube.registrations import Registrations
from app_platform.runtime import Runtime, Service, load, run


def main() -> None:
    """Run until a signal ends it."""
    settings = load(Settings)
    forge_of = prepare(settings)

    @asynccontextmanager
    async def ports(runtime: Runtime) -> AsyncIterator[Ports]:
        async with (
            KubeClient(ClusterConfig.load(), user_agent=SERVICE) as client,
            forge_of(runtime) as (forge, key_forge),
        ):
            cluster = KubernetesCluster(client)
            async with (
                fetching(cluster.fetch_now, (KubeError,)) as sync,
                receiving(client, runtime.events, settings),
            ):
                yield Ports(
                    Registrations(client, SERVICE),
                    cluster,
                    KubernetesDelivered(client),
                    MeasuredForge(forge),
                    sync,
                    runtime.events,
                    AppKeys(KubernetesSources(client), key_forge) if key_forge else None,
                    settings.flux_fetch_seconds,
                )

    run(
        Service(
            name=SERVICE,
            settings=settings,
            ports=ports,
            handlers=HANDLERS,
            gave_up=gave_up,
            transient=RETRIABLE,
            dry=dry,
        )
    )


if __name__ == "__main__":
    main()
