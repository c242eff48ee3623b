"""The ports of a dry run: they read as usual, and note what they would write.

Left out: what the forge would put right of a repository's settings, and of its credentials, as nothing but doing it tells; and the deploy
keys of app repositories.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app_platform.contracts import names
from app_platform.contracts.dry_run import Steps
from app_platform.git_committer.adapters.cluster import SERVICE
from app_platform.git_committer.ports import (
    Changes,
    Cluster,
    Credential,
    Delivered,
    DeliveredSecret,
    Forge,
    Head,
    IntentState,
    Ports,
    Registrations,
    Repository,
    RepositoryMissing,
)
from app_platform.kube.registrations import DryRegistrations
from app_platform.runtime.dry_run import DrySink

_NOT_MADE: Final = "0" * 40
_NO_URL: Final = "(as the forge says)"


def dry(ports: Ports, steps: Steps) -> Ports:
    """Ports that change nothing."""
    return Ports(
        DryRegistrations(ports.registrations, steps, SERVICE),
        DryCluster(ports.cluster, steps),
        DryDelivered(ports.delivered, steps),
        DryForge(ports.forge, ports.registrations, steps),
        DrySync(steps),
        DrySink(steps),
        fetch_seconds=ports.fetch_seconds,
    )


class DryForge:
    """The ``Forge`` port."""

    def __init__(self, real: Forge, registrations: Registrations, steps: Steps) -> None:
        self._real, self._registrations, self._steps = real, registrations, steps

    async def ensure(self, app: str) -> Repository:
        """The repository that the registration names; noted if there is none."""
        registration = await self._registrations.get(app)
        known = registration.status.repository if registration else None
        if known is None or not known.url:
            self._steps.would("create", f"repository {names.repository_name(app)}")
            return Repository(app, _NO_URL, names.BRANCH)
        return Repository(app, known.url, known.branch)

    def propose(self, app: str) -> Credential:
        """See the port."""
        return self._real.propose(app)

    async def allow(self, app: str, credential: Credential) -> bool:  # noqa: ARG002 - the port's
        """Nothing but trying tells whether it may; so nothing is said."""
        return False

    async def head(self, app: str, newest: str = "") -> Head:
        """See the port; an empty one where the repository is yet to be made."""
        try:
            return await self._real.head(app, newest)
        except RepositoryMissing:
            return Head("", {})

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        """Note it, with the first line of its message."""
        files = [f"write {path}" for path in changes.writes] + [f"delete {path}" for path in changes.deletes]
        subject = message.partition("\n")[0]
        on = parent.sha[:12] or "nothing"
        self._steps.would(
            "commit", f"repository {names.repository_name(app)}", f"{subject!r} on {on}: {', '.join(files)}"
        )
        return _NOT_MADE


class DryCluster:
    """The ``Cluster`` port."""

    def __init__(self, real: Cluster, steps: Steps) -> None:
        self._real, self._steps = real, steps

    async def intents(self, app: str) -> Mapping[str, IntentState]:
        """See the port."""
        return await self._real.intents(app)

    async def credential(self, app: str, proposed: Credential) -> Credential:  # noqa: ARG002 - the port's
        """Only storing it tells whether it is stored; so nothing is said."""
        return proposed

    async def apply_flux(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        """Note them; they may be there as they are."""
        for manifest in manifests:
            meta = manifest["metadata"]
            self._steps.would(
                "apply", f"{manifest['kind']} {meta['namespace']}/{meta['name']}", "as it should be"
            )

    async def flux(self, app: str) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
        """See the port."""
        return await self._real.flux(app)

    async def belonging(self, app: str, namespaces: Sequence[str]) -> frozenset[str]:
        """See the port."""
        return await self._real.belonging(app, namespaces)

    async def delete_flux(self, app: str) -> None:
        """Note it."""
        home = names.platform_namespace(app)
        for kind in ("Kustomization", "GitRepository"):
            self._steps.would("delete", f"{kind} {home}/{home}", "what it deployed stays")


class DryDelivered:
    """The ``Delivered`` port."""

    def __init__(self, real: Delivered, steps: Steps) -> None:
        self._real, self._steps = real, steps

    async def secrets(self, app: str, namespaces: Sequence[str]) -> Sequence[DeliveredSecret]:
        """See the port."""
        return await self._real.secrets(app, namespaces)

    async def delete(self, secret: DeliveredSecret) -> None:
        """Note it."""
        self._steps.would("delete", f"Secret {secret.namespace}/{secret.name}", "no intent asks for it")

    async def apply_again(self, app: str) -> None:
        """Note it."""
        home = names.platform_namespace(app)
        self._steps.would("apply", f"Kustomization {home}/{home}", "once more, by Flux")


class DrySync:
    """The ``Sync`` port."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    async def fetch_source(self, app: str, name: str) -> None:
        """Note it."""
        self._steps.would("fetch", f"GitRepository {names.platform_namespace(app)}/{name}")

    async def fetch_now(self, app: str, files: int) -> None:  # noqa: ARG002 - the port's
        """Note it."""
        await self.fetch_source(app, names.platform_namespace(app))
