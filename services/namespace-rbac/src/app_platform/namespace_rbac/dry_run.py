"""The ports of a dry run: they read as usual, and note what they would write."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from app_platform.contracts.dry_run import Steps
from app_platform.kube.registrations import DryRegistrations
from app_platform.namespace_rbac.adapters import SERVICE
from app_platform.namespace_rbac.ports import Cluster, Manifest, Observed, Ports
from app_platform.runtime.dry_run import DrySink

P = TypeVar("P", bound=Ports)


def dry(ports: P, steps: Steps) -> P:
    """Ports that change nothing."""
    return replace(
        ports,
        registrations=DryRegistrations(ports.registrations, steps, SERVICE),
        cluster=DryCluster(ports.cluster, steps),
        events=DrySink(steps),
    )


class DryCluster:
    """The ``Cluster`` port."""

    def __init__(self, real: Cluster, steps: Steps) -> None:
        self._real, self._steps = real, steps

    async def observe(self, app: str, wanted: Sequence[str]) -> Observed:
        """See the port."""
        return await self._real.observe(app, wanted)

    async def has_released(self, app: str) -> bool:
        """See the port."""
        return await self._real.has_released(app)

    async def create_namespace(self, manifest: Manifest) -> None:
        """Note it."""
        self._steps.would("create", _name(manifest))

    async def apply(self, manifest: Manifest) -> None:
        """Note it."""
        self._steps.would("apply", _name(manifest), _detail(manifest))

    async def delete(self, manifest: Manifest) -> None:
        """Note it."""
        self._steps.would("delete", _name(manifest))


def _name(manifest: Manifest) -> str:
    meta = manifest["metadata"]
    return f"{manifest['kind']} {'/'.join(filter(None, (meta.get('namespace'), meta['name'])))}"


def _detail(manifest: Manifest) -> str:
    """Who is bound to what; nothing for other kinds."""
    if "roleRef" not in manifest:
        return ""
    subjects = ", ".join(f"{each['kind']} {each['name']}" for each in manifest.get("subjects") or ())
    return f"{manifest['roleRef']['name']} for {subjects}"
