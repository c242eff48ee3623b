"""Composition root of namespace-rbac."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app_platform.kube import RETRIABLE, ClusterConfig, KubeClient
from app_platform.kube.registrations import Registrations
from app_platform.namespace_rbac.adapters import SERVICE, KubernetesCluster
from app_platform.namespace_rbac.dry_run import dry
from app_platform.namespace_rbac.handlers import HANDLERS, gave_up
from app_platform.namespace_rbac.impersonation import Impersonation
from app_platform.namespace_rbac.ports import Ports
from app_platform.runtime import Runtime, RuntimeSettings, Service, load, run


@dataclass(frozen=True)
class Parts(Ports):
    """What handlers get, and what runs beside them."""

    impersonation: Impersonation


@asynccontextmanager
async def parts(runtime: Runtime) -> AsyncIterator[Parts]:
    """Open the cluster."""
    async with KubeClient(ClusterConfig.load(), user_agent=SERVICE) as client:
        registrations, cluster = Registrations(client, SERVICE), KubernetesCluster(client)
        yield Parts(registrations, cluster, runtime.events, Impersonation(client))


def main() -> None:
    """Run until a signal ends it."""
    run(
        Service(
            name=SERVICE,
            settings=load(RuntimeSettings),
            ports=parts,
            handlers=HANDLERS,
            gave_up=gave_up,
            transient=RETRIABLE,
            dry=dry,
            tasks=(lambda parts: parts.impersonation.run(),),
        )
    )


if __name__ == "__main__":
    main()
