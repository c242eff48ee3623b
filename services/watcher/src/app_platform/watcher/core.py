"""From what was seen to the event that tells it. Pure.

Guarantees: the same version of an object gives the same event, so replicas that see the same tell it once.
Leaves out: deciding anything: an event is a hint to look.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal, cast

from app_platform.contracts import (
    Event,
    FluxObjectChanged,
    ManagedObjectChanged,
    OidcClientChanged,
    OidcClientDeleted,
    RegistrationChanged,
    RegistrationDeleted,
    SecretIntentChanged,
    SecretIntentDeleted,
    names,
)
from app_platform.watcher.ports import Asks, FluxSeen, Seen

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


def client_event(app: str, seen: Seen) -> Event:
    """The event for a Secret of an app that asks for an OIDC client."""
    kind = OidcClientDeleted if seen.deleted else OidcClientChanged
    return kind(app=app, name=seen.name, uid=seen.uid, resource_version=seen.resource_version)


def asks_of(labels: Mapping[str, str]) -> frozenset[Asks]:
    """What a Secret in a platform namespace asks for by its labels: one of ours may ask for nothing."""
    found = {
        Asks.INTENT: labels.get(names.SECRET_INTENT_LABEL) == "true",
        Asks.CLIENT: names.OIDC_CLIENT_LABEL in labels,
    }
    return frozenset(asks for asks, is_so in found.items() if is_so)


def secret_events(app: str, seen: Seen, before: frozenset[Asks], now: frozenset[Asks]) -> list[Event]:
    """The events for a Secret; that it no longer asks for something is told as a deletion of that.

    Args:
        app: Whose it is.
        seen: The Secret.
        before: What it asked for when it was last told.
        now: What it asks for.
    """
    made = {Asks.INTENT: intent_event, Asks.CLIENT: client_event}
    return [
        make(app, replace(seen, deleted=seen.deleted or asks not in now))
        for asks, make in made.items()
        if asks in before | now
    ]


def trace_of(noted: str, before: str | None, *, is_new: bool) -> str:
    """The trace that what is told of a Secret goes on with; empty when it begins one.

    The trace that is noted on it is that of one change, and stays noted: what happens to the Secret afterwards is not part of it.

    Args:
        noted: On the Secret now.
        before: When it was last seen; ``None`` when it was not.
        is_new: Whether no service has marked it.
    """
    if before is None:
        return noted if is_new else ""
    return noted if noted != before else ""


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


def managed_event(app: str, kind: str, seen: Seen) -> Event:
    """The event for an object that the platform manages for an app."""
    return ManagedObjectChanged(
        app=app,
        name=seen.name,
        uid=seen.uid,
        resource_version=seen.resource_version,
        object_kind=kind,
        namespace=seen.namespace,
        deleted=seen.deleted,
    )


def round_of(app: str, now: float, seconds: float) -> str:
    """Mark of the periodic round of an app that a time falls into; the same for all replicas whose clocks roughly agree.

    Apps begin their rounds at different moments, spread evenly by a hash of their names, so that a user's change never
    waits behind the round of all other apps.

    Args:
        app: Its name.
        now: Seconds since the epoch.
        seconds: How long a round is.
    """
    digest = hashlib.sha256(app.encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return f"round-{math.floor(now / seconds - share)}"


def due_rounds(apps: Iterable[str], before: float, now: float, seconds: float) -> dict[str, str]:
    """App to mark of those whose round began after ``before`` and not after ``now``."""
    marks = {app: round_of(app, now, seconds) for app in apps}
    return {
        app: mark for app, mark in marks.items() if before < now and mark != round_of(app, before, seconds)
    }
