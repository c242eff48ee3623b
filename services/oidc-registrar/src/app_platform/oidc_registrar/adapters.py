"""The real cluster and the real Authelia, behind this service's ports.

Guarantees: values are read of Secrets that ask for an OIDC client, of the dashboard's, and of the one with Authelia's list, and of no
other; every write asks for metadata in return.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from app_platform.contracts import names, oidc
from app_platform.kube import SECRETS, Conflict, KubeClient, NotFound, Object, Resource
from app_platform.oidc_registrar import deployments
from app_platform.oidc_registrar.ports import FINALIZER, ClientSecret, ConflictError, Mark, Rollout, Stored

DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
_HEALTH_SECONDS: Final = 5.0


class KubernetesClients:
    """The ``Clients`` port on Kubernetes.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def read(self, app: str) -> Sequence[ClientSecret]:
        """See ``Clients.read``."""
        namespace = names.platform_namespace(app)
        # Without a selector: one that lost its label while nobody watched is still held by our finalizer.
        listed = await self._client.list(SECRETS, namespace, metadata_only=True)
        found = await asyncio.gather(
            *(self._one(namespace, each["metadata"]["name"]) for each in listed if is_ours(each))
        )
        return [each for each in found if each is not None]

    async def mark(self, app: str, mark: Mark) -> None:
        """See ``Clients.mark``."""
        await _patch(self._client, names.platform_namespace(app), mark.name, _patch_of(mark))

    async def _one(self, namespace: str, name: str) -> ClientSecret | None:
        try:
            obj = await self._client.get(SECRETS, name, namespace)
        except NotFound:
            return None
        return client_secret(obj) if is_ours(obj) else None


def is_ours(obj: Mapping[str, Any]) -> bool:
    """Whether a Secret asks for a client, or did and is still held by our finalizer."""
    meta = obj["metadata"]
    return _is_labelled(meta) or FINALIZER in (meta.get("finalizers") or ())


def _is_labelled(meta: Mapping[str, Any]) -> bool:
    return names.OIDC_CLIENT_LABEL in (meta.get("labels") or {})


def client_secret(obj: Mapping[str, Any]) -> ClientSecret:
    """A Secret as this service sees it."""
    meta = obj["metadata"]
    return ClientSecret(
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        created=meta.get("creationTimestamp", ""),
        type=obj.get("type", "Opaque"),
        labels=meta.get("labels") or {},
        annotations=meta.get("annotations") or {},
        finalizers=tuple(meta.get("finalizers") or ()),
        # Taking the label off withdraws a client just as deleting the Secret does.
        deleting="deletionTimestamp" in meta or not _is_labelled(meta),
        immutable=bool(obj.get("immutable")),
        data=_decoded(obj),
    )


def _decoded(obj: Mapping[str, Any]) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _patch_of(mark: Mark) -> Object:
    metadata: dict[str, Any] = {"resourceVersion": mark.resource_version, "uid": mark.uid}
    if mark.annotations:
        metadata["annotations"] = dict(mark.annotations)
    if mark.finalizers is not None:
        metadata["finalizers"] = list(mark.finalizers)
    patch: Object = {"metadata": metadata}
    if mark.client_secret is not None:
        secret = _encoded(mark.client_secret.encode()) if mark.client_secret else None
        patch["data"] = {oidc.CLIENT_SECRET: secret}
    return patch


async def _patch(client: KubeClient, namespace: str, name: str, patch: Object) -> None:
    try:
        await client.merge_patch(SECRETS, name, namespace, patch, metadata_only=True)
    except (Conflict, NotFound):
        raise ConflictError(f"Secret {namespace}/{name} changed meanwhile") from None


class KubernetesLedger:
    """The ``Ledger`` port: a Secret in Authelia's namespace.

    Args:
        client: To the cluster.
        namespace: Of Authelia.
    """

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def load(self) -> Stored | None:
        """See ``Ledger.load``."""
        try:
            obj = await self._client.get(SECRETS, names.OIDC_CLIENTS_SECRET, self._namespace)
        except NotFound:
            return None
        return Stored(_decoded(obj), obj["metadata"]["resourceVersion"])

    async def store(self, files: Mapping[str, bytes], version: str) -> None:
        """See ``Ledger.store``."""
        data = {entry: _encoded(content) for entry, content in files.items()}
        patch = {"metadata": {"resourceVersion": version}, "data": data}
        await _patch(self._client, self._namespace, names.OIDC_CLIENTS_SECRET, patch)


class KubernetesDashboard:
    """The ``Dashboard`` port: a Secret beside the platform's services.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def load(self) -> ClientSecret | None:
        """See ``Dashboard.load``."""
        try:
            obj = await self._client.get(SECRETS, names.DASHBOARD_OIDC_SECRET, names.SYSTEM_NAMESPACE)
        except NotFound:
            return None
        return client_secret(obj)

    async def store(self, client_secret: str, version: str) -> None:
        """See ``Dashboard.store``."""
        data = {names.CLIENT_ID_KEY: names.DASHBOARD_CLIENT, oidc.CLIENT_SECRET: client_secret}
        encoded = {entry: _encoded(value.encode()) for entry, value in data.items()}
        patch = {"metadata": {"resourceVersion": version}, "data": encoded}
        await _patch(self._client, names.SYSTEM_NAMESPACE, names.DASHBOARD_OIDC_SECRET, patch)


class AutheliaDeployment:
    """The ``Provider`` port: Authelia's Deployment, and its health endpoint.

    Args:
        client: To the cluster.
        namespace: Of the Deployment.
        name: Of the Deployment.
        url: Where Authelia answers, as seen from here.
    """

    def __init__(self, client: KubeClient, namespace: str, name: str, url: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._url = url

    async def rollout(self) -> Rollout | None:
        """See ``Provider.rollout``."""
        try:
            return deployments.rollout(await self._client.get(DEPLOYMENTS, self._name, self._namespace))
        except NotFound:
            return None

    async def roll(self, digest: str, attempt: str, version: str) -> None:
        """See ``Provider.roll``."""
        patch = deployments.roll(digest, attempt, version)
        try:
            await self._client.merge_patch(DEPLOYMENTS, self._name, self._namespace, patch)
        except (Conflict, NotFound):
            raise ConflictError("Authelia's Deployment changed meanwhile") from None

    async def is_healthy(self) -> bool:
        """See ``Provider.is_healthy``: ``GET /api/health`` is answered with 200."""
        limits = aiohttp.ClientTimeout(total=_HEALTH_SECONDS)
        try:
            # A connection of its own each time: one that is kept could lead to a pod that is going.
            async with (
                aiohttp.ClientSession(timeout=limits) as session,
                session.get(f"{self._url}/api/health", allow_redirects=False) as answer,
            ):
                return answer.status == HTTPStatus.OK
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
