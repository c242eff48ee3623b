"""The real cluster, behind this service's ports.

Guarantees: Secrets are read as metadata only, so no value ever reaches this process.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from app_platform.contracts import names
from app_platform.kube import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    KUSTOMIZATIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    AlreadyExists,
    KubeClient,
    NotFound,
    Selector,
)
from app_platform.namespace_rbac.ports import ConflictError, Manifest, NamespaceView, Observed

SERVICE: Final = "namespace-rbac"
_REGISTRAR: Final = names.finalizer("oidc-registrar")
_MANAGED: Final = (ROLES, ROLE_BINDINGS, SERVICE_ACCOUNTS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS)
_BY_KIND: Final = {r.kind: r for r in (NAMESPACES, *_MANAGED)}


class KubernetesCluster:
    """The ``Cluster`` port on Kubernetes.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def observe(self, app: str, wanted: Sequence[str]) -> Observed:
        """See ``Cluster.observe``."""
        home = names.platform_namespace(app)
        namespaces, managed, delivered = await asyncio.gather(
            self._namespaces(app, wanted), self._managed(app), self._delivered_to(home)
        )
        # Before the platform namespace is made and bound, this service may not look there, and nothing is there.
        bound = any(m["metadata"].get("namespace") == home and m["kind"] == "Role" for m in managed)
        oidc = await self._oidc_secrets(app, home) if bound else frozenset[str]()
        return Observed(namespaces, managed, oidc, delivered)

    async def has_released(self, app: str) -> bool:
        """See ``Cluster.has_released``."""
        labelled = await self._client.list(NAMESPACES, None, Selector(labels=f"{names.APP_LABEL}={app}"))
        return any(names.RELEASED in view.annotations for view in map(_view, labelled))

    async def create_namespace(self, manifest: Manifest) -> None:
        """See ``Cluster.create_namespace``."""
        try:
            await self._client.create(NAMESPACES, dict(manifest))
        except AlreadyExists:
            raise ConflictError(
                f"namespace {manifest['metadata']['name']!r} was made by somebody else just now"
            ) from None

    async def apply(self, manifest: Manifest) -> None:
        """See ``Cluster.apply``."""
        resource = _BY_KIND[manifest["kind"]]
        await self._client.apply(resource, dict(manifest), field_manager=SERVICE, force=True)

    async def delete(self, manifest: Manifest) -> None:
        """See ``Cluster.delete``."""
        meta = manifest["metadata"]
        try:
            await self._client.delete(
                _BY_KIND[manifest["kind"]], meta["name"], meta.get("namespace"), uid=meta.get("uid")
            )
        except NotFound:
            return

    async def _namespaces(self, app: str, wanted: Sequence[str]) -> dict[str, NamespaceView]:
        labelled = await self._client.list(NAMESPACES, None, Selector(labels=f"{names.APP_LABEL}={app}"))
        found = {view.name: view for view in map(_view, labelled)}
        others = await asyncio.gather(*(self._namespace(name) for name in wanted if name not in found))
        return found | {view.name: view for view in others if view is not None}

    async def _namespace(self, name: str) -> NamespaceView | None:
        try:
            return _view(await self._client.get(NAMESPACES, name))
        except NotFound:
            return None

    async def _managed(self, app: str) -> list[Manifest]:
        selector = Selector(labels=f"{names.APP_LABEL}={app},{names.MANAGED_BY_LABEL}={names.MANAGED_BY}")
        lists = await asyncio.gather(*(self._client.list(resource, None, selector) for resource in _MANAGED))
        # Items of a list carry no kind of their own.
        return [
            {**obj, "kind": r.kind} for r, objects in zip(_MANAGED, lists, strict=True) for obj in objects
        ]

    async def _oidc_secrets(self, app: str, home: str) -> frozenset[str]:
        """Secrets with the label that oidc-registrar has taken: it refuses those that only wear it, such as keys and tokens."""
        selector = Selector(labels=f"{names.OIDC_CLIENT_LABEL},{names.APP_LABEL}={app}", fields="type=Opaque")
        found = await self._client.list(SECRETS, home, selector, metadata_only=True)
        return frozenset(secret["metadata"]["name"] for secret in found if _is_client(secret["metadata"]))

    async def _delivered_to(self, home: str) -> frozenset[str]:
        try:
            kustomizations = await self._client.list(KUSTOMIZATIONS, home)
        except NotFound:
            # Flux is not installed (yet).
            return frozenset()
        return frozenset(space for k in kustomizations for space in _inventory_namespaces(k))


def _is_client(meta: Mapping[str, Any]) -> bool:
    return _REGISTRAR in meta.get("finalizers", ()) and "deletionTimestamp" not in meta


def _view(obj: Mapping[str, Any]) -> NamespaceView:
    meta = obj["metadata"]
    return NamespaceView(
        meta["name"],
        meta.get("labels", {}),
        meta.get("annotations", {}),
        terminating="deletionTimestamp" in meta,
    )


def _inventory_namespaces(kustomization: Mapping[str, Any]) -> set[str]:
    """Namespaces in a Kustomization's inventory; ids are ``<namespace>_<name>_<group>_<kind>`` (fluxcd/cli-utils ObjMetadata)."""
    entries = kustomization.get("status", {}).get("inventory", {}).get("entries", [])
    return {entry["id"].split("_", 1)[0] for entry in entries}
