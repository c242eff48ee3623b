"""What is told of an app's clients and written on their Secrets: pending, registered, refused, let go. Pure.

Guarantees: ``Registered`` is said of what Authelia was seen to run with and of nothing else; a Secret is let go only when Authelia
runs without its client; what is told and written already is not told again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app_platform.contracts import (
    Event,
    OidcClientRegistered,
    OidcClientRejected,
    OidcClientRemoved,
    names,
    oidc,
)
from app_platform.oidc_registrar.claims import Claim, Claims
from app_platform.oidc_registrar.ports import FINALIZER, ClientSecret, Mark
from app_platform.oidc_registrar.registry import Holder, Registry, State, digest_of
from app_platform.oidc_registrar.rendering import Entry

WAITING: Final = "Authelia does not run with it yet"
_MAX_STATUS: Final = 600


@dataclass(frozen=True)
class Report:
    """What is to be told of one Secret, and then written on it."""

    event: Event | None
    mark: Mark


def reports(app: str, sorted_: Claims, state: State) -> list[Report]:
    """What of an app's Secrets is to be told and written, and is not yet.

    Args:
        app: Its name.
        sorted_: Its Secrets, prepared.
        state: With the app's present records.
    """
    good = state.good_clients()
    all_reports = [
        *(_standing(app, claim, good, state.registry) for claim in sorted_.granted),
        *(_refusal(app, secret, reason, state.registry) for secret, reason in sorted_.refused),
        *(_farewell(app, secret, state.registry) for secret in sorted_.leaving),
    ]
    return [report for report in all_reports if report is not None]


def _standing(app: str, claim: Claim, good: Mapping[str, Entry], registry: Registry) -> Report | None:
    client_id, secret = claim.request.client_id, claim.secret
    record, held = registry.records.get(client_id), registry.held.get(client_id)
    uris = " ".join(claim.request.redirect_uris)
    if record is None:
        return status(secret, oidc.PENDING, registry.note or WAITING, None, uris)
    is_being_tried = registry.phase != "idle" and client_id in registry.trial
    if good.get(client_id) == record.entry and not is_being_tried:
        return status(secret, oidc.REGISTERED, None, _registered(app, claim), uris)
    if held is not None and held.entry == digest_of(record.entry):
        return status(secret, oidc.FAILED + held.reason, None, _rejected(app, secret, held.reason), uris)
    return status(secret, oidc.PENDING, registry.note or WAITING, None, uris)


def status(
    secret: ClientSecret,
    text: str,
    message: str | None,
    event: Event | None,
    redirect_uris: str | None = None,
) -> Report | None:
    """What to tell and write so that a Secret says how its client stands; ``None`` when it does.

    Args:
        secret: To write on.
        text: The status.
        message: What it waits for.
        event: To tell when the status is new.
        redirect_uris: Of the client, if the Secret asks for one that can be.
    """
    written = {
        names.OIDC_STATUS: text[:_MAX_STATUS],
        names.OIDC_MESSAGE: message,
        names.OIDC_REDIRECT_URIS: redirect_uris,
    }
    if secret.says(written):
        return None
    is_told = secret.annotations.get(names.OIDC_STATUS) == text[:_MAX_STATUS]
    mark = Mark(secret.name, secret.uid, secret.resource_version, written)
    return Report(None if is_told else event, mark)


def _refusal(app: str, secret: ClientSecret, reason: str, registry: Registry) -> Report | None:
    report = status(secret, oidc.FAILED + reason, None, _rejected(app, secret, reason))
    if FINALIZER not in secret.finalizers or _is_listed(secret, registry):
        return report
    event = report.event if report else None
    annotations = report.mark.annotations if report else {}
    return Report(
        event, Mark(secret.name, secret.uid, secret.resource_version, annotations, _without_ours(secret))
    )


def _farewell(app: str, secret: ClientSecret, registry: Registry) -> Report | None:
    if FINALIZER not in secret.finalizers or _is_listed(secret, registry):
        return None
    removed = OidcClientRemoved(
        app=app, name=secret.name, uid=secret.uid, resource_version=secret.resource_version
    )
    annotations = dict.fromkeys((names.OIDC_STATUS, names.OIDC_MESSAGE, names.OIDC_REDIRECT_URIS), None)
    return Report(
        removed, Mark(secret.name, secret.uid, secret.resource_version, annotations, _without_ours(secret))
    )


def _is_listed(secret: ClientSecret, registry: Registry) -> bool:
    """Whether Authelia may still run with a client of this Secret."""
    holders: list[Holder] = [*registry.records.values(), *registry.leaving.values()]
    return any(holder.uid == secret.uid for holder in holders)


def _without_ours(secret: ClientSecret) -> tuple[str, ...]:
    return tuple(finalizer for finalizer in secret.finalizers if finalizer != FINALIZER)


def _registered(app: str, claim: Claim) -> OidcClientRegistered:
    return OidcClientRegistered(
        app=app,
        name=claim.secret.name,
        uid=claim.secret.uid,
        resource_version=claim.secret.resource_version,
        client_id=claim.request.client_id,
        redirect_uris=claim.request.redirect_uris,
    )


def _rejected(app: str, secret: ClientSecret, reason: str) -> OidcClientRejected:
    return OidcClientRejected(
        app=app,
        name=secret.name,
        uid=secret.uid,
        resource_version=secret.resource_version,
        reason=reason,
    )
