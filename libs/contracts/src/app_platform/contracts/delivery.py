"""How far Flux is with a secret, for each target namespace: what annotation ``labrats.work/secret-delivery`` holds.

A JSON object, target namespace to ``{"stage": …, "message": …}``. Guarantees: the same deliveries give the same text; text
that somebody else wrote there reads as nothing known. Leaves out: finding it out, which secrets-encryptor does.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

MAX_MESSAGE: Final = 300


class Stage(StrEnum):
    """Where a secret stands on its way from the commit into a namespace."""

    WAITING = "Waiting"
    """Nothing is wrong; Flux has not applied the commit yet."""
    FETCH = "Fetch"
    """Flux cannot fetch the platform repository."""
    BUILD = "Build"
    """A file in the repository cannot be read as a manifest."""
    DECRYPTION = "Decryption"
    """A file cannot be decrypted."""
    APPLY = "Apply"
    """The API server does not take the Secret."""
    REFUSED = "Refused"
    """Flux has no right to write it."""
    PRUNE = "Prune"
    """It was applied; something that is to go cannot be removed."""
    HEALTH = "Health"
    """It was applied; a health check of the Kustomization fails."""
    SUSPENDED = "Suspended"
    """Somebody told Flux to pause."""
    BLOCKED = "Blocked"
    """Another object fails, and Flux applies all or nothing."""
    APPLIED = "Applied"
    """It is live."""


class Delivery(BaseModel):
    """What is known of one target namespace.

    Attributes:
        message: For people; what stands in the way, or by which commit it was applied.
    """

    model_config = ConfigDict(frozen=True)

    stage: Stage
    message: str = ""


Deliveries = Mapping[str, Delivery]
"""Target namespace to what is known of it."""

_ADAPTER: Final = TypeAdapter(dict[str, Delivery])


def write_deliveries(deliveries: Deliveries) -> str:
    """As the annotation holds it; one text for equal deliveries."""
    shortened = {
        target: each.model_copy(update={"message": _short(each.message)})
        for target, each in sorted(deliveries.items())
    }
    return _ADAPTER.dump_json(shortened).decode()


def read_deliveries(text: str | None) -> dict[str, Delivery]:
    """What the annotation says; empty when there is none, or it is not ours."""
    try:
        return _ADAPTER.validate_json(text or "{}")
    except ValidationError:
        return {}


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"
