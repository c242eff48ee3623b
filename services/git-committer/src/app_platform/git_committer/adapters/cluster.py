"""The real cluster, behind this service's ports.

Guarantees: of intents only metadata is read; the one Secret whose value is read and written is the app's Git credential.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from app_platform.contracts import names
from app_platform.git_committer.flux import REQUESTED_AT
from app_platform.git_committer.ports import Credential, IntentState
from app_platform.kube import (
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    NAMESPACES,
    SECRETS,
    AlreadyExists,
    KubeClient,
    NotFound,
    Resource,
    Selector,
)

SERVICE: Final = "git-committer"
_BY_KIND: Final = {r.kind: r for r in (GIT_REPOSITORIES, KUSTOMIZATIONS)}
_INTENTS: Final = Selector(labels=f"{names.SECRET_INTENT_LABEL}=true")


class KubernetesCluster:
    """The ``Cluster`` port on Kubernetes, and what ``Sync`` sends by.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def intents(self, app: str) -> Mapping[str, IntentState]:
        """See ``Cluster.intents``."""
        found = await self._client.list(SECRETS, names.platform_namespace(app), _INTENTS, metadata_only=True)
        return {obj["metadata"]["name"]: _state(obj["metadata"]) for obj in found}

    async def credential(self, app: str, proposed: Credential) -> Credential:
        """See ``Cluster.credential``."""
        try:
            stored = await self._client.get(
                SECRETS, names.GIT_CREDENTIAL_SECRET, names.platform_namespace(app)
            )
        except NotFound:
            return await self._store_first(app, proposed)
        return await self._store_over(app, proposed, stored)

    async def _store_first(self, app: str, proposed: Credential) -> Credential:
        namespace = names.platform_namespace(app)
        manifest = SECRETS.manifest(names.GIT_CREDENTIAL_SECRET, namespace)
        manifest["metadata"]["labels"] = {names.MANAGED_BY_LABEL: names.MANAGED_BY, names.APP_LABEL: app}
        manifest["stringData"] = dict(proposed.entries)
        try:
            await self._client.create(SECRETS, manifest, metadata_only=True)
        except AlreadyExists:
            # Another replica was first: its credential is the app's.
            stored = await self._client.get(SECRETS, names.GIT_CREDENTIAL_SECRET, namespace)
            return await self._store_over(app, proposed, stored)
        return proposed

    async def _store_over(self, app: str, proposed: Credential, stored: Mapping[str, Any]) -> Credential:
        there = _decoded(stored)
        wanted = proposed.over(there)
        if there != wanted.entries:
            data = {name: _encoded(value) for name, value in wanted.entries.items()}
            gone = dict.fromkeys(there.keys() - wanted.entries.keys())
            # Under the version that was read, so that of two replicas' random entries only one's are stored.
            version = {"resourceVersion": stored["metadata"]["resourceVersion"]}
            await self._client.merge_patch(
                SECRETS,
                names.GIT_CREDENTIAL_SECRET,
                names.platform_namespace(app),
                {"metadata": version, "data": {**data, **gone}},
                metadata_only=True,
            )
        return wanted

    async def apply_flux(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        """See ``Cluster.apply_flux``."""
        for manifest in manifests:
            await self._client.apply(
                _BY_KIND[manifest["kind"]], dict(manifest), field_manager=SERVICE, force=True
            )

    async def flux(self, app: str) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
        """See ``Cluster.flux``."""
        return await self._managed(GIT_REPOSITORIES, app), await self._managed(KUSTOMIZATIONS, app)

    async def belonging(self, app: str, namespaces: Sequence[str]) -> frozenset[str]:
        """See ``Cluster.belonging``."""
        found = await asyncio.gather(*(self._belongs(app, name) for name in namespaces))
        return frozenset(name for name, belongs in zip(namespaces, found, strict=True) if belongs)

    async def _belongs(self, app: str, namespace: str) -> bool:
        try:
            meta = (await self._client.get(NAMESPACES, namespace, metadata_only=True))["metadata"]
        except NotFound:
            return False
        return "deletionTimestamp" not in meta and meta.get("labels", {}).get(names.APP_LABEL) == app

    async def delete_flux(self, app: str) -> None:
        """See ``Cluster.delete_flux``."""
        name = names.platform_namespace(app)
        orphan = {"spec": {"deletionPolicy": "Orphan"}}
        try:
            # Somebody may have changed it by hand; deleting then would take the secrets out of running apps.
            await self._client.merge_patch(KUSTOMIZATIONS, name, name, orphan)
            await self._client.delete(KUSTOMIZATIONS, name, name)
        except NotFound:
            pass
        try:
            await self._client.delete(GIT_REPOSITORIES, name, name)
        except NotFound:
            return

    async def fetch_now(self, app: str, name: str) -> None:
        """Ask source-controller to fetch one of the app's GitRepositories."""
        await ask_flux(self._client, GIT_REPOSITORIES, app, name)

    async def _managed(self, resource: Resource, app: str) -> Mapping[str, Any] | None:
        name = names.platform_namespace(app)
        try:
            return await self._client.get(resource, name, name)
        except NotFound:
            return None


async def ask_flux(client: KubeClient, resource: Resource, app: str, name: str) -> None:
    """Ask Flux to look at one of the app's objects at once (``reconcile.fluxcd.io/requestedAt``)."""
    patch = {"metadata": {"annotations": {REQUESTED_AT: datetime.now(UTC).isoformat()}}}
    try:
        await client.merge_patch(resource, name, names.platform_namespace(app), patch)
    except NotFound:
        # The managed ones are applied after the first commit, and Flux looks at them by itself then.
        return


def _state(meta: Mapping[str, Any]) -> IntentState:
    return IntentState(
        uid=meta["uid"],
        fingerprint=meta.get("annotations", {}).get(names.SECRET_FINGERPRINT, ""),
        deleting="deletionTimestamp" in meta,
        committed=meta.get("annotations", {}).get(names.SECRET_STATUS) == "Committed",
        targets=frozenset(names.listed(meta.get("annotations", {}).get(names.TARGET_NAMESPACES, ""))),
    )


def _decoded(secret: Mapping[str, Any]) -> dict[str, str]:
    data = secret.get("data") or {}
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
