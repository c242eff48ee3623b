"""What git-committer needs besides the forge, in memory."""

# ruff: noqa: ARG002 - a fake has the signature of its port

from collections.abc import Mapping, Sequence
from typing import Any

from app_platform.git_committer.ports import Credential, DeliveredSecret, IntentState
from support.fakes.secrets import FakeSecrets


class FakeCluster:
    """The ``Cluster`` and ``Sync`` ports of git-committer."""

    def __init__(self, secrets: FakeSecrets | None = None) -> None:
        self.states: dict[str, IntentState] = {}
        self.source: dict[str, Any] | None = None
        self.kustomization: dict[str, Any] | None = None
        self.stored: Credential | None = None
        self.fetches: list[str] = []
        self.fetched_sources: list[tuple[str, str]] = []
        self.deleted: list[str] = []
        self.gone: frozenset[str] = frozenset()
        self._secrets = secrets

    async def intents(self, app: str) -> Mapping[str, IntentState]:
        """See ``Cluster.intents``."""
        return await self._secrets.states() if self._secrets else self.states

    async def credential(self, app: str, proposed: Credential) -> Credential:
        """See ``Cluster.credential``."""
        self.stored = proposed.over(self.stored.entries) if self.stored else proposed
        return self.stored

    async def apply_flux(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        """See ``Cluster.apply_flux``."""
        for manifest in manifests:
            if manifest["kind"] == "GitRepository":
                self.source = dict(manifest)
            else:
                self.kustomization = self._changed(manifest)

    def _changed(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """What the API server makes of it: a changed spec is a new generation; the status stays."""
        before = self.kustomization or {}
        generation = before.get("metadata", {}).get("generation", 0)
        generation += before.get("spec") != manifest["spec"]
        metadata = {**manifest["metadata"], "generation": generation}
        return {**manifest, "metadata": metadata, "status": before.get("status", {})}

    async def belonging(self, app: str, namespaces: Sequence[str]) -> frozenset[str]:
        """See ``Cluster.belonging``."""
        return frozenset(namespaces) - self.gone

    async def flux(self, app: str) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
        """See ``Cluster.flux``."""
        return self.source, self.kustomization

    async def delete_flux(self, app: str) -> None:
        """See ``Cluster.delete_flux``."""
        self.deleted.append(app)
        self.source = self.kustomization = None

    async def fetch_source(self, app: str, name: str) -> None:
        """See ``Sync.fetch_source``."""
        self.fetched_sources.append((app, name))

    async def fetch_now(self, app: str, files: int) -> None:
        """See ``Sync.fetch_now``."""
        self.fetches.append(app)


class FakeDelivered:
    """The ``Delivered`` port of git-committer."""

    def __init__(self, *live: DeliveredSecret) -> None:
        self.live = list(live)
        self.applied_again: list[str] = []

    async def secrets(self, app: str, namespaces: Sequence[str]) -> Sequence[DeliveredSecret]:
        """See ``Delivered.secrets``."""
        return [secret for secret in self.live if secret.namespace in namespaces]

    async def delete(self, secret: DeliveredSecret) -> None:
        """See ``Delivered.delete``."""
        self.live.remove(secret)

    async def apply_again(self, app: str) -> None:
        """See ``Delivered.apply_again``."""
        self.applied_again.append(app)
