"""How the apps are, from their registrations and the metadata of their secrets. Pure.

Guarantees: an intent counts once: ``Committed``, ``Failed``, or pending (everything else); nothing but metadata is known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app_platform.contracts import ConditionType, Registration, Stage, names, read_deliveries
from app_platform.contracts.flux_text import without_values
from app_platform.kube import Object
from app_platform.kube.objects import annotations_of, made_at, written_at


@dataclass(frozen=True)
class SecretState:
    """One secret.

    Attributes:
        status: As its annotation says; ``New`` while there is none.
        live: Targets in which its commit is applied.
        age: Seconds since the status was written, as far as the object tells.
    """

    name: str
    status: str
    targets: tuple[str, ...]
    live: tuple[str, ...]
    keys: tuple[str, ...]
    commit: str
    message: str
    age: int


@dataclass(frozen=True)
class AppState:
    """One app.

    Attributes:
        ready: Status of its Ready condition, ``Unknown`` while there is none.
        part: The first condition that is not true; empty when all are.
        secrets: ``None`` when they may not be listed.
        oldest: Seconds that the oldest pending secret has waited; 0 when none is pending.
    """

    name: str
    ready: str
    part: str
    message: str
    namespaces: int
    secrets: int | None
    committed: int
    pending: int
    failed: int
    oldest: int


def secret_state(intent: Object, now: datetime) -> SecretState:
    """One secret from its metadata."""
    notes = annotations_of(intent)
    deliveries = read_deliveries(notes.get(names.SECRET_DELIVERY))
    written = written_at(intent, names.SECRET_STATUS) or made_at(intent) or now
    return SecretState(
        name=intent["metadata"]["name"],
        status="Deleting"
        if "deletionTimestamp" in intent["metadata"]
        else notes.get(names.SECRET_STATUS, "New"),
        targets=names.listed(notes.get(names.TARGET_NAMESPACES, "")),
        live=tuple(target for target, delivery in deliveries.items() if delivery.stage is Stage.APPLIED),
        keys=names.listed(notes.get(names.SECRET_KEYS, "")),
        commit=notes.get(names.SECRET_COMMIT, ""),
        message=notes.get(names.SECRET_MESSAGE, ""),
        age=max(0, int((now - written).total_seconds())),
    )


def app_state(registration: Registration, secrets: Sequence[SecretState] | None) -> AppState:
    """One app, from its registration and its secrets."""
    ready = registration.status.condition(ConditionType.READY)
    broken = next(
        (c for c in registration.status.conditions if c.type != ConditionType.READY and c.status != "True"),
        None,
    )
    said = broken or ready
    waiting = [secret for secret in secrets or () if secret.status not in {"Committed", "Failed"}]
    return AppState(
        name=registration.name,
        ready=ready.status if ready else "Unknown",
        part=broken.type if broken else "",
        message=f"{said.reason}: {without_values(said.message)}" if said else "no service has looked at it",
        namespaces=len(registration.spec.namespaces),
        secrets=None if secrets is None else len(secrets),
        committed=_count(secrets, "Committed"),
        pending=len(waiting),
        failed=_count(secrets, "Failed"),
        oldest=max((secret.age for secret in waiting), default=0),
    )


def unknown_app(name: str, why: str) -> AppState:
    """An app of which nothing but its name can be read."""
    return AppState(name, "Unknown", "", why, 0, None, 0, 0, 0, 0)


def _count(secrets: Iterable[SecretState] | None, status: str) -> int:
    return sum(secret.status == status for secret in secrets or ())


def as_json(state: AppState | SecretState) -> dict[str, Any]:
    """For pipes; the fields do not change within a version."""
    return asdict(state)


def duration(seconds: int) -> str:
    """Seconds in the largest unit that fits, as kubectl shows ages: ``45s``, ``12m``, ``3h``, ``2d``."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
