"""Counts what is watched, for metrics: registrations by condition, intents and OIDC clients by status, how long the oldest waits. Pure.

Guarantees: labels are condition types, statuses and reasons, which are few; no name is among them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app_platform.contracts import names, oidc
from app_platform.kube.objects import annotations_of, deleted_at, made_at, written_at

_SETTLED: Final = frozenset({"Committed", "Registered", "Failed"})
_OF_CLIENTS: Final = (oidc.PENDING, oidc.REGISTERED, "Failed")
NEW: Final = "New"
"""Of what no service has marked yet."""
DELETING: Final = "Deleting"
"""Of what somebody deleted and is still there, whatever was marked on it before."""
UNKNOWN: Final = "Unknown"
"""Of a client on which something else is written: a label has few values."""


@dataclass(frozen=True)
class StatusSeen:
    """What counts of an intent or a client.

    Attributes:
        since: When its status was written; when it was made, as long as there is none; when it was deleted.
    """

    status: str
    since: datetime | None


@dataclass(frozen=True)
class ConditionSeen:
    """What counts of a registration's condition."""

    type: str
    status: str
    reason: str


NOT_SEEN: Final = ConditionSeen("Ready", "Unknown", "NotSeen")
"""Of a registration that has no condition ``Ready`` yet."""


def intent_seen(obj: Mapping[str, Any]) -> StatusSeen:
    """What counts of an intent, from its metadata."""
    return _seen(obj, names.SECRET_STATUS, str)


def client_seen(obj: Mapping[str, Any]) -> StatusSeen:
    """What counts of an OIDC client, from the metadata of its Secret."""
    return _seen(obj, names.OIDC_STATUS, _word)


def _word(text: str) -> str:
    """The status of a client without what its author is to change."""
    first = text.partition(":")[0]
    return first if first in _OF_CLIENTS else UNKNOWN


def _seen(obj: Mapping[str, Any], annotation: str, status_of: Callable[[str], str]) -> StatusSeen:
    deleted = deleted_at(obj)
    if deleted is not None:
        return StatusSeen(DELETING, deleted)
    text = annotations_of(obj).get(annotation, "")
    if not text:
        return StatusSeen(NEW, made_at(obj))
    return StatusSeen(status_of(text), written_at(obj, annotation) or made_at(obj))


def conditions_seen(obj: Mapping[str, Any]) -> tuple[ConditionSeen, ...]:
    """The conditions of a registration; one without ``Ready`` was never looked at to the end."""
    found = (obj.get("status") or {}).get("conditions") or ()
    seen = [ConditionSeen(str(c.get("type")), str(c.get("status")), str(c.get("reason"))) for c in found]
    if NOT_SEEN.type not in {each.type for each in seen}:
        seen.append(NOT_SEEN)
    return tuple(seen)


def by_status(seen: Iterable[StatusSeen]) -> Mapping[str, int]:
    """How many have each status."""
    return Counter(each.status for each in seen)


def oldest_pending(seen: Iterable[StatusSeen], now: datetime) -> float:
    """Seconds that the one which waits longest has waited; 0 when none waits."""
    waiting = [each.since for each in seen if each.status not in _SETTLED and each.since]
    return max((max(0.0, (now - since).total_seconds()) for since in waiting), default=0.0)


def by_condition(registrations: Iterable[Iterable[ConditionSeen]]) -> Mapping[ConditionSeen, int]:
    """How many registrations have each condition in each state."""
    return Counter(condition for conditions in registrations for condition in conditions)
