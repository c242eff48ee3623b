"""What the metadata of an object tells. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def labels_of(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """Its labels."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """Its annotations."""
    return obj["metadata"].get("annotations") or {}


def written_at(obj: Mapping[str, Any], annotation: str) -> datetime | None:
    """When whoever wrote an annotation last wrote on the object, from its managed fields; ``None`` if they do not tell.

    Their form is ``metav1.ManagedFieldsEntry`` with ``fieldsV1`` (sigs.k8s.io/structured-merge-diff, ``f:<field>`` keys).
    """
    for entry in obj["metadata"].get("managedFields") or ():
        fields = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
        if f"f:{annotation}" in (fields.get("f:annotations") or {}) and entry.get("time"):
            return datetime.fromisoformat(entry["time"])
    return None


def made_at(obj: Mapping[str, Any]) -> datetime | None:
    """When it was made."""
    return _time(obj, "creationTimestamp")


def deleted_at(obj: Mapping[str, Any]) -> datetime | None:
    """When it was deleted, while finalizers keep it; ``None`` otherwise."""
    return _time(obj, "deletionTimestamp")


def _time(obj: Mapping[str, Any], field: str) -> datetime | None:
    text = obj["metadata"].get(field)
    return datetime.fromisoformat(text) if text else None
