"""Which of an app's Secrets may have the client that they ask for. Pure.

Guarantees: a Secret that is refused harms no other; a client id and a host name belong to the app that had them first, and what it
has, nobody takes from it, however old his own Secret. Two that ask at the same time are served by age.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app_platform.contracts import names
from app_platform.oidc_registrar import requests
from app_platform.oidc_registrar.ports import ClientSecret, Rules
from app_platform.oidc_registrar.registry import Record, Registry
from app_platform.oidc_registrar.requests import Refused, Request


@dataclass(frozen=True)
class Claim:
    """A Secret and what it asks for."""

    secret: ClientSecret
    request: Request


@dataclass(frozen=True)
class Claims:
    """The Secrets of an app, by what may become of them.

    Attributes:
        granted: Those that may have their client.
        refused: Those that may not, each with what to change.
        leaving: Those that ask for nothing any more.
    """

    granted: Sequence[Claim] = ()
    refused: Sequence[tuple[ClientSecret, str]] = ()
    leaving: Sequence[ClientSecret] = ()

    @property
    def secrets(self) -> Sequence[ClientSecret]:
        """All of them."""
        granted = [claim.secret for claim in self.granted]
        return [*granted, *(secret for secret, _ in self.refused), *self.leaving]


@dataclass(frozen=True)
class Others:
    """What an app's Secrets are held against.

    Attributes:
        registry: What others have.
        apps: Which of the client ids that are asked for are names of other apps.
        rules: Of this platform.
    """

    registry: Registry
    apps: frozenset[str]
    rules: Rules


def sort(app: str, secrets: Sequence[ClientSecret], others: Others, *, is_registered: bool) -> Claims:
    """Sort an app's Secrets.

    Args:
        app: Its name.
        secrets: All of them.
        others: What they are held against.
        is_registered: Whether the app's registration is there to stay.
    """
    registry = others.registry
    granted: list[Claim] = []
    refused: list[tuple[ClientSecret, str]] = []
    asking = [secret for secret in secrets if not secret.deleting]
    for secret in sorted(asking, key=lambda each: _rank(each, registry)):
        if not is_registered:
            refused.append((secret, f"app {app!r} is not registered any more: register it again"))
            continue
        try:
            claim = Claim(secret, requests.read(app, secret, others.rules))
            _check_free(app, claim, granted, others)
            _check_room(app, claim, granted, others)
        except Refused as reason:
            refused.append((secret, str(reason)))
        else:
            granted.append(claim)
    return Claims(granted, refused, [secret for secret in secrets if secret.deleting])


def _rank(secret: ClientSecret, registry: Registry) -> tuple[bool, str, str]:
    """Who has a client comes first, then who asked first."""
    return not _has_one(secret, registry), secret.created, secret.name


def _has_one(secret: ClientSecret, registry: Registry) -> bool:
    return any(record.uid == secret.uid for record in registry.records.values())


def _check_free(app: str, claim: Claim, granted: Sequence[Claim], others: Others) -> None:
    client_id, registry = claim.request.client_id, others.registry
    twin = next((each.secret.name for each in granted if each.request.client_id == client_id), None)
    if twin is not None:
        raise Refused(f"client id {client_id!r} is asked for by Secret {twin!r} already: choose another")
    if client_id == names.DASHBOARD_CLIENT or client_id in registry.foreign:
        raise Refused(f"client id {client_id!r} is that of a client of the platform itself: choose another")
    if client_id in others.apps and not _has_one(claim.secret, registry):
        # Users are shown the client id when they are asked to agree: it must not seem to be another app.
        raise Refused(
            f"client id {client_id!r} is the name of another app: choose another, such as '{app}-web'"
        )
    for taken_id, record in registry.records.items():
        if record.app == app or _is_earlier(claim, record, registry):
            continue
        if taken_id == client_id:
            raise Refused(
                f"client id {client_id!r} belongs to another app: choose another, such as '{app}-web'"
            )
        if record.hostname == claim.request.hostname:
            raise Refused("hostname belongs to another app: choose another")


def _is_earlier(claim: Claim, record: Record, registry: Registry) -> bool:
    """Whether a claim beats who has it: only while the registry is made anew, when it is chance who was looked at first."""
    return not registry.complete and (claim.secret.created, claim.secret.uid) < (record.created, record.uid)


def _check_room(app: str, claim: Claim, granted: Sequence[Claim], others: Others) -> None:
    registry, most = others.registry, others.rules.max_clients
    taken = sum(record.app not in ("", app) for record in registry.records.values()) + len(registry.foreign)
    if taken + len(granted) >= most and not _has_one(claim.secret, registry):
        raise Refused(f"this platform holds {most} clients, and that is all it may: ask a platform admin")


def displaced(app: str, mine: Mapping[str, Record], registry: Registry) -> dict[str, Record]:
    """The records of others that an app's own records exclude; there are none once the registry is complete."""
    hosts = {record.hostname for record in mine.values()}
    return {
        client_id: record
        for client_id, record in registry.records.items()
        if record.app != app and (client_id in mine or (record.app and record.hostname in hosts))
    }
