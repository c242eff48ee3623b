"""Secrets of a platform namespace that wear a label, as their metadata tells them; never a value.

Everything is asked for as ``PartialObjectMetadata``, also what the API server answers to a write. Guarantees: a write touches only the
very object that was looked at, and only while it wears the label, so that no other Secret can be changed by naming it.
Leaves out: who may do what, which ``access`` decides before it gives the client.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from app_platform.contracts import names
from app_platform.kube import SECRETS, Conflict, KubeClient, NotFound, Object, Selector
from app_platform.runtime import tracing

_ATTEMPTS: Final = 6
SERVICE: Final = "dashboard"
"""The field manager of the dashboard's own writes."""
_SERVICES: Final = ("oidc-registrar", "secrets-encryptor")
"""Field managers of services that write into such Secrets what nobody asked them to by name."""
_MAX_MANAGER: Final = 128
"""Of a field manager's name (apimachinery ``ValidateFieldManager``)."""


@dataclass(frozen=True)
class Labelled:
    """The Secrets of one kind in one platform namespace.

    Attributes:
        own: The dashboard's own client, from ``Access.own_after``.
        app: Whose they are.
        label: A label selector.
    """

    own: KubeClient
    app: str
    label: str

    @property
    def namespace(self) -> str:
        """Where they are."""
        return names.platform_namespace(self.app)

    async def all(self) -> list[Object]:
        """All of them, by name."""
        found = await self.own.list(SECRETS, self.namespace, Selector(labels=self.label), metadata_only=True)
        return sorted(found, key=lambda each: str(each["metadata"]["name"]))

    async def find(self, name: str) -> Object | None:
        """One; ``None`` when there is none, or the Secret of that name is something else."""
        one = Selector(labels=self.label, fields=f"metadata.name={name}")
        found = await self.own.list(SECRETS, self.namespace, one, metadata_only=True)
        return found[0] if found else None

    async def patch(self, name: str, uid: str, patch: Mapping[str, Any]) -> None:
        """Change one, at a version at which it was seen to wear the label.

        Args:
            name: Of the Secret.
            uid: Of the one that was looked at.
            patch: A merge patch with ``metadata``.

        Raises:
            NotFound: It has gone, or is another one by now.
            KubeError: Kubernetes does not take it.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            now = await self.find(name)
            if now is None or now["metadata"]["uid"] != uid:
                raise NotFound("it has gone, or is another one by now", status=HTTPStatus.NOT_FOUND)
            version = now["metadata"]["resourceVersion"]
            versioned = {**patch, "metadata": {**patch["metadata"], "resourceVersion": version}}
            try:
                with traced("change", versioned["metadata"]):
                    await self.own.merge_patch(SECRETS, name, self.namespace, versioned, metadata_only=True)
            except Conflict:  # the services write their marks all the time
                if attempt == _ATTEMPTS:
                    raise
            else:
                return

    async def delete(self, name: str, uid: str, by: str) -> None:
        """Delete one, having noted who asked for it.

        Raises:
            NotFound: It has gone, or is another one by now.
        """
        await self.patch(name, uid, {"metadata": {"annotations": {names.CHANGED_BY: by}}})
        await self.own.delete(SECRETS, name, self.namespace, uid=uid)


@contextmanager
def traced(what: str, metadata: dict[str, Any]) -> Iterator[None]:
    """A trace that begins with what a person does, noted on the Secret, so that all that follows from it is part of it."""
    with tracing.span(f"{what} secret"):
        if parent := tracing.traceparent():
            metadata["annotations"] = {**metadata.get("annotations", {}), names.TRACEPARENT: parent}
        yield


def keys_of(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that somebody owns (``managedFields``, structured-merge-diff ``f:<field>``): known at once, without any value."""
    owned = (entry.get("fieldsV1") or {} for entry in obj["metadata"].get("managedFields") or ())
    found = {field.removeprefix("f:") for fields in owned for field in fields.get("f:data") or {}}
    return tuple(sorted(found - {"."}))


def last_change(obj: Mapping[str, Any]) -> tuple[str, str]:
    """When the content was written last, and by whom: the field manager, or, of the dashboard's own writes, for whom it was."""
    meta = obj["metadata"]
    entries = [
        (str(entry.get("time") or ""), str(entry.get("manager") or ""))
        for entry in meta.get("managedFields") or ()
        if "f:data" in (entry.get("fieldsV1") or {}) and entry.get("manager") not in _SERVICES
    ]
    changed, manager = max(entries, default=("", ""))
    noted = (meta.get("annotations") or {}).get(names.CHANGED_BY, "")
    return changed or meta.get("creationTimestamp", ""), noted if manager == SERVICE else manager


def field_manager(person: str) -> str:
    """As whom a person writes, so that the object itself tells of them."""
    return person[:_MAX_MANAGER]


def encoded(values: Mapping[str, bytes]) -> dict[str, str]:
    """As a Secret holds them."""
    return {key: base64.b64encode(value).decode() for key, value in values.items()}
