"""Checks of OIDC clients, by what the registrar writes on their Secrets."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from app_platform.contracts import names, oidc
from app_platform.diagnosis.facts import AppFacts
from app_platform.diagnosis.findings import Reference, Said, ok, problem, warning
from app_platform.kube import Object
from app_platform.kube.objects import annotations_of, labels_of, made_at, written_at

_SOON: Final = timedelta(seconds=120)
"""Longer than for secrets: the identity provider restarts."""


def all_clients(facts: AppFacts) -> Iterator[Said]:
    """Every OIDC client is registered."""
    _ = facts.registration
    if not facts.clients:
        yield ok("the app has no OIDC clients")
    for obj in facts.clients.values():
        yield _status(facts, obj)


def exists(facts: AppFacts, name: str) -> Iterator[Said]:
    """The client's Secret is there and labelled."""
    _ = facts.registration
    about = Reference("Secret", name, facts.home)
    found = facts.secrets.get(name)
    if found is None:
        yield problem(
            f"there is no Secret {name!r} in {facts.home}", "Create the labelled Secret there.", about
        )
    elif names.OIDC_CLIENT_LABEL not in labels_of(found):
        yield problem(
            f"Secret {name!r} has no label {names.OIDC_CLIENT_LABEL}",
            "Create it with that label: its value is the client id.",
            about,
        )
    elif labels_of(found).get(names.APP_LABEL) != facts.name:
        yield problem(
            f"its label {names.APP_LABEL} is not {facts.name!r}",
            "Create it with the app's name in that label.",
            about,
        )
    else:
        yield ok(f"its client id is {labels_of(found)[names.OIDC_CLIENT_LABEL]!r}", about)


def status(facts: AppFacts, name: str) -> Iterator[Said]:
    """The client is registered with the identity provider."""
    obj = facts.clients.get(name)
    if obj is not None:
        yield _status(facts, obj)


def _status(facts: AppFacts, obj: Object) -> Said:
    about = Reference("Secret", obj["metadata"]["name"], facts.home)
    client = labels_of(obj).get(names.OIDC_CLIENT_LABEL, "")
    said = annotations_of(obj).get(names.OIDC_STATUS, "")
    if said.startswith(oidc.FAILED):
        return problem(
            f"client {client!r}: {said}",
            "Change what the message says; it is looked at again at once.",
            about,
        )
    if said == oidc.REGISTERED:
        return ok(f"client {client!r} is registered", about)
    began = (written_at(obj, names.OIDC_STATUS) if said else None) or made_at(obj) or facts.now
    make = warning if facts.now - began < _SOON else problem
    waited = int((facts.now - began).total_seconds())
    return make(
        f"client {client!r}: {said or 'no service has looked at it'} for {waited} s",
        "Look whether oidc-registrar runs and the identity provider is healthy, and at the registrar's log.",
        about,
    )
