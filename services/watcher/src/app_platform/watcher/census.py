"""Counts what is watched, for metrics: registrations by condition, intents by status, and how long the oldest has waited. Pure.

Guarantees: labels are condition types, statuses and reasons, which are few; no name is among them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app_platform.contracts import names
from app_platform.kube.objects import annotations_of, deleted_at, made_at, written_at

_SETTLED: Final = frozenset({"Committed", "Failed"})
NEW: Final = "New"
"""Of an intent that no service has marked yet."""
DELETING: Final = "Deleting"
"""Of an intent that somebody deleted and that is still there, whatever was marked on it before."""


@dataclass(frozen=True)
class IntentSeen:
    """What counts of an intent.

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


def intent_seen(obj: Mapping[str, Any]) -> IntentSeen:
    """What counts of an intent, from its metadata."""
    deleted = deleted_at(obj)
    if deleted is not None:
        return IntentSeen(DELETING, deleted)
    status = annotations_of(obj).get(names.SECRET_STATUS, "")
    written = written_at(obj, names.SECRET_STATUS) if status else None
    return IntentSeen(status or NEW, written or made_at(obj))


def conditions_seen(obj: Mapping[str, Any]) -> tuple[ConditionSeen, ...]:
    """The conditions of a registration."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return tuple(ConditionSeen(str(c.get("type")), str(c.get("status")), str(c.get("reason"))) for c in found)


def by_status(intents: Iterable[IntentSeen]) -> Mapping[str, int]:
    """How many intents have each status."""
    return Counter(intent.status for intent in intents)


def oldest_pending(intents: Iterable[IntentSeen], now: datetime) -> float:
    """Seconds that the intent which waits longest has waited; 0 when none waits."""
    waiting = [intent.since for intent in intents if intent.status not in _SETTLED and intent.since]
    return max((max(0.0, (now - since).total_seconds()) for since in waiting), default=0.0)


def by_condition(registrations: Iterable[Iterable[ConditionSeen]]) -> Mapping[ConditionSeen, int]:
    """How many registrations have each condition in each state."""
    return Counter(condition for conditions in registrations for condition in conditions)
