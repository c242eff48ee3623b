"""Composition root of secrets-encryptor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app_platform.kube import RETRIABLE, ClusterConfig, KubeClient
from app_platform.kube.registrations import Registrations
from app_platform.runtime import Runtime, RuntimeSettings, Service, load, run
from app_platform.secrets_encryptor.adapters import KubernetesIntents, KubernetesKeys
from app_platform.secrets_encryptor.core import SERVICE
from app_platform.secrets_encryptor.handlers import HANDLERS, gave_up
from app_platform.secrets_encryptor.ports import Ports


@asynccontextmanager
async def ports(runtime: Runtime) -> AsyncIterator[Ports]:
    """Open the cluster."""
    async with KubeClient(ClusterConfig.load(), user_agent=SERVICE) as client:
        yield Ports(
            Registrations(client, SERVICE), KubernetesIntents(client), KubernetesKeys(client), runtime.events
        )


def main() -> None:
    """Run until a signal ends it."""
    run(
        Service(
            name=SERVICE,
            settings=load(RuntimeSettings),
            ports=ports,
            handlers=HANDLERS,
            gave_up=gave_up,
            transient=RETRIABLE,
        )
    )


if __name__ == "__main__":
    main()
