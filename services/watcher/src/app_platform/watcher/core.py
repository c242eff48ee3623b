"""From what was seen to the event that tells it. Pure.

Guarantees: the same version of an object gives the same event, so replicas that see the same tell it once.
Leaves out: deciding anything: an event is a hint to look.
"""

from typing import Final, Literal, cast

from app_platform.contracts import (
    Event,
    FluxObjectChanged,
    RegistrationChanged,
    RegistrationDeleted,
    SecretIntentChanged,
    SecretIntentDeleted,
)
from app_platform.watcher.ports import FluxSeen, Seen

_MAX_MESSAGE: Final = 2000


def registration_event(seen: Seen, resync: str = "") -> Event:
    """The event for a registration."""
    kind = RegistrationDeleted if seen.deleted else RegistrationChanged
    return kind(
        app=seen.name, name=seen.name, uid=seen.uid, resource_version=seen.resource_version, resync=resync
    )


def intent_event(app: str, seen: Seen) -> Event:
    """The event for a secret intent of an app."""
    kind = SecretIntentDeleted if seen.deleted else SecretIntentChanged
    return kind(app=app, name=seen.name, uid=seen.uid, resource_version=seen.resource_version)


def flux_event(app: str, flux: FluxSeen) -> Event:
    """The event for a GitRepository or Kustomization in an app's platform namespace."""
    return FluxObjectChanged(
        app=app,
        name=flux.seen.name,
        uid=flux.seen.uid,
        resource_version=flux.seen.resource_version,
        object_kind=cast("Literal['GitRepository', 'Kustomization']", flux.kind),
        deleted=flux.seen.deleted,
        revision=flux.revision,
        ready=flux.ready,
        reason=flux.reason,
        message=flux.message[:_MAX_MESSAGE],
    )


def round_of(now: float, seconds: float) -> str:
    """Mark of the periodic round that a time falls into; the same for all replicas whose clocks roughly agree."""
    return f"round-{int(now // seconds)}"
