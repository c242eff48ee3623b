"""Decides about the clients of one app: what their Secrets need first, and what the registry then says of them. Pure.

Guarantees: a client secret is made only when there is none of ours, or when a new one is asked for; what did not change keeps its
digest, so that Authelia's list keeps its bytes; what Authelia may still run with is remembered until it does not.
Leaves out: who may have what (``claims``), what is told of it (``telling``), trying lists (``trials``), all writing (``handlers``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app_platform.contracts import names, oidc
from app_platform.oidc_registrar import claims, credentials
from app_platform.oidc_registrar.claims import Claim
from app_platform.oidc_registrar.ports import FINALIZER, ClientSecret, Mark, Rules
from app_platform.oidc_registrar.registry import Holder, Record, Registry, State
from app_platform.oidc_registrar.rendering import entry


def preparation(claim: Claim, key: str) -> Mark | None:
    """What must be on a Secret before its client is listed: our finalizer, and a client secret of our making.

    Args:
        claim: Granted.
        key: For fingerprints.
    """
    secret = claim.secret
    finalizers = None if FINALIZER in secret.finalizers else (*secret.finalizers, FINALIZER)
    if claim.request.public:
        has_secret = oidc.CLIENT_SECRET in secret.data
        return _prepared(secret, finalizers, {names.OIDC_FINGERPRINT: None}, "" if has_secret else None)
    asked = secret.annotations.get(names.OIDC_ROTATE, "")
    present = _present_secret(secret, key)
    if present is None or asked not in ("", secret.annotations.get(names.OIDC_ROTATED)):
        made = credentials.new_secret()
        notes = {names.OIDC_ROTATED: asked or None, names.OIDC_STATUS: oidc.PENDING}
        return _prepared(secret, finalizers, {**notes, **_known_by(made, key)}, made)
    return _prepared(secret, finalizers, _known_by(present, key), None)


def traced(mark: Mark, traceparent: str) -> Mark:
    """The mark with the trace of the change that it answers to: what comes of it after Authelia's roll is told in that one.

    Args:
        mark: Any; noted is only on those that say that a client is on its way.
        traceparent: Empty when there is none.
    """
    is_on_its_way = mark.client_secret or mark.annotations.get(names.OIDC_STATUS) == oidc.PENDING
    if not traceparent or not is_on_its_way:
        return mark
    return replace(mark, annotations={**mark.annotations, names.TRACEPARENT: traceparent})


def _known_by(client_secret: str, key: str) -> dict[str, str | None]:
    return {names.OIDC_FINGERPRINT: credentials.fingerprint(client_secret, key)}


def _present_secret(secret: ClientSecret, key: str) -> str | None:
    """The client secret, if this service made it. When the key that it was known by is lost, its form must do."""
    found = secret.data.get(oidc.CLIENT_SECRET, b"").decode(errors="replace")
    known = secret.annotations.get(names.OIDC_FINGERPRINT, "")
    if credentials.is_of_key(known, key):
        return found if credentials.fingerprint(found, key) == known else None
    return found if known and credentials.is_well_formed(found) else None


def _prepared(
    secret: ClientSecret,
    finalizers: tuple[str, ...] | None,
    annotations: Mapping[str, str | None],
    client_secret: str | None,
) -> Mark | None:
    is_there = secret.says(annotations) and finalizers is None and client_secret is None
    if is_there:
        return None
    return Mark(secret.name, secret.uid, secret.resource_version, annotations, finalizers, client_secret)


def fingerprint_of(claim: Claim) -> str:
    """Of the client secret of a prepared claim; empty for a public client."""
    return "" if claim.request.public else claim.secret.annotations.get(names.OIDC_FINGERPRINT, "")


def client_secret_of(claim: Claim) -> str:
    """The client secret of a prepared claim."""
    return claim.secret.data[oidc.CLIENT_SECRET].decode()


def known_digests(registry: Registry) -> dict[str, str]:
    """Fingerprint of client secrets to Authelia's digest of them: kept, so that a client that did not change gives the same bytes."""
    found = {
        record.fingerprint: record.entry.get("client_secret", "") for record in registry.records.values()
    }
    return {fingerprint: digest for fingerprint, digest in found.items() if fingerprint}


def records(
    app: str, granted: Sequence[Claim], digests: Mapping[str, str], rules: Rules
) -> dict[str, Record]:
    """The records of an app's clients, by client id.

    Args:
        app: Its name.
        granted: Prepared.
        digests: Fingerprint of each client secret to Authelia's digest of it.
        rules: Of this platform.
    """
    return {
        claim.request.client_id: Record(
            app=app,
            secret=claim.secret.name,
            uid=claim.secret.uid,
            created=claim.secret.created,
            hostname=claim.request.hostname,
            fingerprint=fingerprint_of(claim),
            entry=dict(
                entry(claim.request, digests.get(fingerprint_of(claim), ""), rules.authorization_policy)
            ),
        )
        for claim in granted
    }


def with_records(app: str, mine: Mapping[str, Record], state: State) -> Registry:
    """The registry with these records for an app, and no others of it."""
    registry = state.registry
    out = claims.displaced(app, mine, registry)
    kept = {c: r for c, r in registry.records.items() if r.app != app and c not in out}
    present = {**kept, **mine}
    # Only what Authelia may run with has to be waited for.
    listed = state.good_clients().keys() | registry.trial.keys()
    gone = {
        c: Holder(app=r.app, uid=r.uid)
        for c, r in registry.records.items()
        if c in listed and (c not in present or present[c].uid != r.uid)
    }
    leaving = {c: each for c, each in {**registry.leaving, **gone}.items() if not _is_back(c, each, present)}
    return registry.model_copy(
        update={
            "records": dict(sorted(present.items())),
            "leaving": leaving,
            "unsettled": tuple(sorted({*registry.unsettled, *(r.app for r in out.values())})),
        }
    )


def _is_back(client_id: str, left: Holder, present: Mapping[str, Record]) -> bool:
    return client_id in present and present[client_id].uid == left.uid


def is_free_of(app: str, registry: Registry) -> bool:
    """Whether nothing of an app is listed any more."""
    holders: list[Holder] = [*registry.records.values(), *registry.leaving.values()]
    return all(holder.app != app for holder in holders)
