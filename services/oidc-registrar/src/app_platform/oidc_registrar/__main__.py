"""Composition root of oidc-registrar."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app_platform.kube import RETRIABLE, ClusterConfig, KubeClient
from app_platform.kube.registrations import Registrations
from app_platform.oidc_registrar.adapters import (
    AutheliaDeployment,
    KubernetesClients,
    KubernetesDashboard,
    KubernetesLedger,
)
from app_platform.oidc_registrar.dry_run import dry
from app_platform.oidc_registrar.handlers import HANDLERS, gave_up
from app_platform.oidc_registrar.ports import SERVICE, Ports
from app_platform.oidc_registrar.rollout import Loop, Pace
from app_platform.oidc_registrar.settings import Settings
from app_platform.runtime import Runtime, Service, load, run, telemetry


def main() -> None:
    """Run until a signal ends it."""
    settings = load(Settings)
    pace = Pace(healthy=settings.oidc_healthy_seconds)

    @asynccontextmanager
    async def ports(runtime: Runtime) -> AsyncIterator[Ports]:
        async with KubeClient(ClusterConfig.load(), user_agent=SERVICE) as client:
            namespace, deployment = settings.authelia_namespace, settings.authelia_deployment
            yield Ports(
                Registrations(client, SERVICE),
                KubernetesClients(client),
                KubernetesLedger(client, namespace),
                AutheliaDeployment(client, namespace, deployment, settings.authelia_url),
                KubernetesDashboard(client),
                runtime.events,
                settings.rules,
            )

    async def keep_rolled(opened: Ports) -> None:
        loop = Loop(opened, settings.dashboard_url, pace)
        telemetry.gauge(
            "app_platform.oidc.held_clients",
            "OIDC clients in quarantine, as this replica last saw",
            lambda: loop.held,
        )
        await loop.run()

    run(
        Service(
            name=SERVICE,
            settings=settings,
            ports=ports,
            handlers=HANDLERS,
            dry=dry,
            gave_up=gave_up,
            transient=RETRIABLE,
            tasks=(keep_rolled,),
        )
    )


if __name__ == "__main__":
    main()
