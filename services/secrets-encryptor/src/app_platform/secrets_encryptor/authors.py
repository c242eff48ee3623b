"""Who changed an intent, as far as its metadata tells. Pure.

Guarantees: a name is one printable line of at most 128 characters, and never that of one of our services.
Leaves out: proof. The annotation is what its writer says (the dashboard writes it for its users), and a field manager is what
a client calls itself (https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers): ``kubectl-create``.
The audit log of the API server is what proves.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from app_platform.contracts import names

_MAX: Final = 128
_OURS: Final = (
    "app-platform",
    "dashboard",
    "git-committer",
    "namespace-rbac",
    "oidc-registrar",
    "secrets-encryptor",
    "watcher",
)
_JUST_BEFORE: Final = timedelta(seconds=10)
"""How soon before a deletion a name must have been written to be that of who deleted."""

_Entry = Mapping[str, Any]


def changed_by(meta: Mapping[str, Any]) -> str:
    """Who changed the content last; empty when nobody knows.

    The annotation counts, unless somebody else wrote the content after the annotation was written.

    Args:
        meta: The object's metadata, with ``managedFields``.
    """
    named, writer = _named(meta), _newest(meta, "f:data", "f:stringData")
    if named and not _is_later(writer, _newest(meta, "f:metadata", annotation=names.CHANGED_BY)):
        return named
    return _one_line(str(writer["manager"])) if writer else ""


def deleted_by(meta: Mapping[str, Any]) -> str:
    """Who asked for the deletion: known only when the annotation was written just before; empty otherwise."""
    entry, asked = _newest(meta, "f:metadata", annotation=names.CHANGED_BY), meta.get("deletionTimestamp")
    if entry is None or not asked or not entry.get("time"):
        return ""
    return _named(meta) if _time(asked) - _time(entry["time"]) <= _JUST_BEFORE else ""


def _named(meta: Mapping[str, Any]) -> str:
    return _one_line(str((meta.get("annotations") or {}).get(names.CHANGED_BY, "")))


def _newest(meta: Mapping[str, Any], *fields: str, annotation: str = "") -> _Entry | None:
    """The latest entry that owns one of the fields, or the annotation; of others than our services unless it is that."""
    entries: Sequence[_Entry] = meta.get("managedFields") or ()
    owners = [
        entry
        for entry in entries
        if any(field in (entry.get("fieldsV1") or {}) for field in fields)
        and (_owns(entry, annotation) if annotation else not _is_ours(entry))
    ]
    return max(owners, key=lambda entry: str(entry.get("time") or ""), default=None)


def _owns(entry: _Entry, annotation: str) -> bool:
    annotations = entry["fieldsV1"].get("f:metadata", {}).get("f:annotations", {})
    return f"f:{annotation}" in annotations


def _is_ours(entry: _Entry) -> bool:
    return str(entry.get("manager", "")).startswith(_OURS)


def _is_later(one: _Entry | None, other: _Entry | None) -> bool:
    if one is None or other is None:
        return False
    return str(one.get("time") or "") > str(other.get("time") or "") and one["manager"] != other["manager"]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _one_line(text: str) -> str:
    kept = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(kept.split())[:_MAX]
