"""Composition root of secrets-encryptor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app_platform.kube import RETRIABLE, ClusterConfig, KubeClient
from app_platform.kube.registrations import Registrations
from app_platform.runtime import Runtime, Service, load, run, telemetry
from app_platform.secrets_encryptor.adapters import KubernetesFlux, KubernetesIntents, KubernetesKeys
from app_platform.secrets_encryptor.core import SERVICE
from app_platform.secrets_encryptor.dry_run import dry
from app_platform.secrets_encryptor.handlers import HANDLERS, gave_up
from app_platform.secrets_encryptor.ports import Ports
from app_platform.secrets_encryptor.settings import Settings


def main() -> None:
    """Run until a signal ends it."""
    settings = load(Settings)

    @asynccontextmanager
    async def ports(runtime: Runtime) -> AsyncIterator[Ports]:
        async with KubeClient(ClusterConfig.load(), user_agent=SERVICE) as client:
            opened = Ports(
                Registrations(client, SERVICE),
                KubernetesIntents(client),
                KubernetesKeys(client),
                KubernetesFlux(client),
                runtime.events,
                settings.extra_recipients,
            )
            telemetry.gauge(
                "app_platform.secrets.outdated_files",
                "Files still encrypted for other recipients than the present ones, as this replica last saw",
                lambda: opened.outdated.total,
            )
            yield opened

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
