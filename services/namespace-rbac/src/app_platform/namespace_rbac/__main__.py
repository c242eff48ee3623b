"""Composition root of namespace-rbac."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app_platform.kube import RETRIABLE, ClusterConfig, KubeClient
from app_platform.kube.registrations import Registrations
from app_platform.namespace_rbac.adapters import SERVICE, KubernetesCluster
from app_platform.namespace_rbac.handlers import HANDLERS, gave_up
from app_platform.namespace_rbac.ports import Ports
from app_platform.runtime import Runtime, RuntimeSettings, Service, load, run


@asynccontextmanager
async def ports(runtime: Runtime) -> AsyncIterator[Ports]:
    """Open the cluster."""
    async with KubeClient(ClusterConfig.load(), user_agent=SERVICE) as client:
        yield Ports(Registrations(client, SERVICE), KubernetesCluster(client), runtime.events)


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
