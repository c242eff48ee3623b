"""The real cluster, behind this service's ports.

Guarantees: values are read only in ``read`` and ``load``; every write asks for metadata in return.
"""

import asyncio
import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from app_platform.contracts import names
from app_platform.kube import (
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    SECRETS,
    AlreadyExists,
    Conflict,
    KubeClient,
    NotFound,
    Object,
    Resource,
)
from app_platform.secrets_encryptor import authors
from app_platform.secrets_encryptor.core import FINALIZER
from app_platform.secrets_encryptor.ports import (
    ConflictError,
    FluxObjects,
    Intent,
    IntentMetadata,
    KeyFile,
    Mark,
)

_MANY: Final = 20
"""Above this, one list is cheaper than reading one by one."""


class KubernetesIntents:
    """The ``Intents`` port on Kubernetes.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def read(self, app: str, only: Collection[str] | None = None) -> Sequence[Intent]:
        """See ``Intents.read``."""
        namespace = names.platform_namespace(app)
        if only is not None and len(only) <= _MANY:
            return await self._each(namespace, only)
        # Without a selector: one that lost its label while nobody watched is still held by our finalizer.
        listed = [_intent(obj) for obj in await self._client.list(SECRETS, namespace) if is_ours(obj)]
        if only is None:
            return listed
        return [intent for intent in listed if intent.name in only]

    async def metadata(self, app: str) -> Sequence[IntentMetadata]:
        """See ``Intents.metadata``."""
        listed = await self._client.list(SECRETS, names.platform_namespace(app), metadata_only=True)
        return [_metadata(obj["metadata"]) for obj in listed if is_ours(obj)]

    async def mark(self, app: str, mark: Mark) -> str:
        """See ``Intents.mark``."""
        metadata: dict[str, Any] = {"resourceVersion": mark.resource_version, "uid": mark.uid}
        if mark.annotations:
            metadata["annotations"] = dict(mark.annotations)
        if mark.finalizers is not None:
            metadata["finalizers"] = list(mark.finalizers)
        try:
            patched = await self._client.merge_patch(
                SECRETS, mark.name, names.platform_namespace(app), {"metadata": metadata}, metadata_only=True
            )
        except (Conflict, NotFound):
            raise ConflictError(f"intent {mark.name!r} changed meanwhile") from None
        return str(patched["metadata"]["resourceVersion"])

    async def _each(self, namespace: str, wanted: Collection[str]) -> list[Intent]:
        found = await asyncio.gather(*(self._one(namespace, name) for name in wanted))
        return [intent for intent in found if intent is not None]

    async def _one(self, namespace: str, name: str) -> Intent | None:
        try:
            obj = await self._client.get(SECRETS, name, namespace)
        except NotFound:
            return None
        return _intent(obj) if is_ours(obj) else None


def is_ours(obj: Mapping[str, Any]) -> bool:
    """Whether a Secret is an intent, or was one and is still held by our finalizer."""
    meta = obj["metadata"]
    return meta.get("labels", {}).get(names.SECRET_INTENT_LABEL) == "true" or FINALIZER in meta.get(
        "finalizers", ()
    )


def _intent(obj: Mapping[str, Any]) -> Intent:
    meta = obj["metadata"]
    labelled = meta.get("labels", {}).get(names.SECRET_INTENT_LABEL) == "true"
    return Intent(
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        type=obj.get("type", "Opaque"),
        data={key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()},
        annotations=meta.get("annotations", {}),
        finalizers=tuple(meta.get("finalizers", ())),
        # Taking the label off withdraws an intent just as deleting it does.
        deleting="deletionTimestamp" in meta or not labelled,
        changed_by=authors.changed_by(meta),
        deleted_by=authors.deleted_by(meta),
    )


def _metadata(meta: Mapping[str, Any]) -> IntentMetadata:
    return IntentMetadata(
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        annotations=meta.get("annotations", {}),
        deleting="deletionTimestamp" in meta
        or meta.get("labels", {}).get(names.SECRET_INTENT_LABEL) != "true",
    )


class KubernetesKeys:
    """The ``Keys`` port on Kubernetes.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def load(self, app: str) -> KeyFile | None:
        """See ``Keys.load``."""
        try:
            secret = await self._client.get(SECRETS, names.AGE_KEY_SECRET, names.platform_namespace(app))
        except NotFound:
            return None
        return _key_file(secret)

    async def create(self, app: str, content: KeyFile) -> None:
        """See ``Keys.create``."""
        manifest = SECRETS.manifest(
            names.AGE_KEY_SECRET, names.platform_namespace(app), data=_key_data(content)
        )
        manifest["metadata"]["annotations"] = _key_notes(content)
        manifest["metadata"]["labels"] = {
            names.MANAGED_BY_LABEL: names.MANAGED_BY,
            names.APP_LABEL: app,
            # kustomize-controller then takes a changed key at once.
            "reconcile.fluxcd.io/watch": "Enabled",
        }
        try:
            await self._client.create(SECRETS, manifest, metadata_only=True)
        except AlreadyExists:
            raise ConflictError("another replica has just made the key") from None

    async def replace(self, app: str, content: KeyFile) -> None:
        """See ``Keys.replace``."""
        metadata = {"resourceVersion": content.version, "annotations": _key_notes(content)}
        patch = {"metadata": metadata, "data": _key_data(content)}
        namespace = names.platform_namespace(app)
        try:
            await self._client.merge_patch(
                SECRETS, names.AGE_KEY_SECRET, namespace, patch, metadata_only=True
            )
        except (Conflict, NotFound):
            raise ConflictError("the key was changed meanwhile") from None


def _key_file(secret: Mapping[str, Any]) -> KeyFile:
    meta = secret["metadata"]
    annotations = meta.get("annotations", {})
    try:
        content = base64.b64decode((secret.get("data") or {}).get(names.AGE_KEY_ENTRY, "")).decode()
    except (binascii.Error, UnicodeDecodeError):
        # An empty file is no key file either; the condition will say so.
        content = ""
    retiring = annotations.get(names.RETIRING_RECIPIENTS, "")
    return KeyFile(
        content,
        request=annotations.get(names.ROTATE_KEY, ""),
        retiring=tuple(filter(None, retiring.split(","))),
        version=meta["resourceVersion"],
    )


def _key_data(content: KeyFile) -> dict[str, str]:
    return {names.AGE_KEY_ENTRY: base64.b64encode(content.content.encode()).decode()}


def _key_notes(content: KeyFile) -> dict[str, str | None]:
    return {
        names.ROTATE_KEY: content.request or None,
        names.RETIRING_RECIPIENTS: ",".join(content.retiring) or None,
    }


class KubernetesFlux:
    """The ``Flux`` port on Kubernetes.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def read(self, app: str) -> FluxObjects:
        """See ``Flux.read``."""
        source, kustomization = await asyncio.gather(
            self._one(GIT_REPOSITORIES, app), self._one(KUSTOMIZATIONS, app)
        )
        return FluxObjects(source, kustomization)

    async def _one(self, resource: Resource, app: str) -> Object | None:
        name = names.platform_namespace(app)
        try:
            return await self._client.get(resource, name, name)
        except NotFound:
            return None
