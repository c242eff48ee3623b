"""What happened in an app, or in one of its namespaces: one line per event that says something new. Pure.

Events are told again in each round, and Flux and our services write on objects all the time; what only repeats is left out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    EncryptionKeyReady,
    Event,
    FluxObjectChanged,
    ManagedObjectChanged,
    NamespacesReady,
    OidcClientRegistered,
    OidcClientRejected,
    OidcClientRemoved,
    RegistrationDeleted,
    RepositoryDrifted,
    RepositoryReady,
    SecretEncrypted,
    SecretRemoved,
    SourceChanged,
    names,
)
from app_platform.dashboard.timelines.stories import State, Told

_FLUX_STATES: Final = {"True": State.DONE, "False": State.FAILED}
_SHORT: Final = 12


@dataclass(frozen=True)
class Line:
    """One thing that happened.

    Attributes:
        about: Kind of the thing and its name, as pages know them: ``secrets``, ``oidc-clients``, ``git-repositories``,
            ``kustomizations``, ``namespaces``, or empty.
        by: Who did it; empty when nobody knows.
        commit: That it was done by.
        spaces: Namespaces that it concerns.
    """

    at: datetime
    title: str
    text: str = ""
    state: State = State.DONE
    about: tuple[str, str] = ("", "")
    by: str = ""
    commit: str = ""
    spaces: frozenset[str] = frozenset()


def lines(past: Iterable[Told]) -> list[Line]:
    """One line per event that says something new, the latest first."""
    said: dict[tuple[str, str], object] = {}
    found = []
    for told in past:
        say = _SAYINGS.get(type(told.event))
        if say is None or _is_under_way(told.event) or not _is_new(said, told.event):
            continue
        found.append(say(told.event, told.at))
    return found[::-1]


def in_namespace(all_lines: Iterable[Line], namespace: str) -> list[Line]:
    """Those that concern one namespace."""
    return [line for line in all_lines if namespace in line.spaces]


def _is_under_way(event: Event) -> bool:
    """Whether it only tells that Flux is at work, or has not begun."""
    if not isinstance(event, FluxObjectChanged) or event.deleted:
        return False
    return event.ready not in _FLUX_STATES or (event.ready == "True" and not event.revision)


def _is_new(said: dict[tuple[str, str], object], event: Event) -> bool:
    """Whether an event tells something else than the last one of its kind about its object."""
    key = (event.type, _object_of(event))
    content = _content(event)
    if said.get(key) == content:
        return False
    said[key] = content
    return True


def _object_of(event: Event) -> str:
    return f"{event.object_kind}/{event.name}" if isinstance(event, FluxObjectChanged) else event.name


_PARTS: Final[Mapping[type[Event], tuple[str, ...]]] = {
    NamespacesReady: ("namespaces",),
    EncryptionKeyReady: ("recipient", "extra_recipients"),
    RepositoryReady: ("url", "branch"),
    FluxObjectChanged: ("revision", "ready", "reason", "deleted"),
    SecretEncrypted: ("uid", "fingerprint"),
    SecretRemoved: ("uid",),
    OidcClientRegistered: ("uid", "resource_version", "redirect_uris"),
    OidcClientRejected: ("uid", "reason"),
}
"""What an event is compared by; all of it when it is not here."""


def _content(event: Event) -> object:
    parts = _PARTS.get(type(event))
    return tuple(getattr(event, part) for part in parts) if parts else event.id


def _namespaces(event: NamespacesReady, at: datetime) -> Line:
    spaces = frozenset(event.namespaces)
    listed = ", ".join(sorted(spaces)) or "none yet"
    return Line(at, "Namespaces are made and bound", listed, spaces=spaces)


def _key(event: EncryptionKeyReady, at: datetime) -> Line:
    return Line(at, "The app has its AGE key", event.recipient)


def _repository(event: RepositoryReady, at: datetime) -> Line:
    return Line(at, "The platform repository is ready", event.url, commit=event.head_sha)


def _drift(event: RepositoryDrifted, at: datetime) -> Line:
    return Line(
        at,
        "Somebody else changed the platform repository; it is put back",
        ", ".join(event.paths),
        State.FAILED,
    )


def _encrypted(event: SecretEncrypted, at: datetime) -> Line:
    paths = (names.parse_secret_path(file.path) for file in event.files)
    spaces = frozenset(path[0] for path in paths if path)
    text = f"keys {', '.join(event.keys)}; for {', '.join(sorted(spaces))}"
    return Line(
        at, f"Secret {event.name} encrypted", text, about=("secrets", event.name), by=event.by, spaces=spaces
    )


def _removed(event: SecretRemoved, at: datetime) -> Line:
    return Line(at, f"Secret {event.name} deleted", about=("secrets", event.name), by=event.by)


def _committed(event: CommitPushed, at: datetime) -> Line:
    paths = (names.parse_secret_path(path) for path in event.paths)
    spaces = frozenset(path[0] for path in paths if path)
    kept = [each.name for each in event.intents]
    gone = [each.name for each in event.removed]
    parts = (", ".join(kept), f"without {', '.join(gone)}" if gone else "")
    return Line(at, "Committed", "; ".join(filter(None, parts)), commit=event.sha, spaces=spaces)


def _not_committed(event: CommitFailed, at: datetime) -> Line:
    listed = ", ".join(each.name for each in event.intents)
    return Line(at, f"Not committed: {listed}", event.reason, State.FAILED)


def _flux(event: FluxObjectChanged, at: datetime) -> Line:
    page = "git-repositories" if event.object_kind == "GitRepository" else "kustomizations"
    about = (page, event.name)
    if event.deleted:
        return Line(at, f"{event.object_kind} {event.name} deleted", about=about)
    done = "fetched" if event.object_kind == "GitRepository" else "applied"
    state = _FLUX_STATES[event.ready]
    if state is State.DONE:
        return Line(at, f"{event.object_kind} {event.name} {done}", _revision(event.revision), state, about)
    text = ": ".join(filter(None, (event.reason, event.message)))
    return Line(at, f"{event.object_kind} {event.name} failed", text, state, about)


def _revision(revision: str) -> str:
    """``main@sha1:…`` with a short digest."""
    ref, _, digest = revision.rpartition(":")
    return f"{ref.partition('@')[0]} at {digest[:_SHORT]}" if ref else revision


def _registered(event: OidcClientRegistered, at: datetime) -> Line:
    about = ("oidc-clients", event.name)
    return Line(at, f"OIDC client {event.client_id} registered", ", ".join(event.redirect_uris), about=about)


def _rejected(event: OidcClientRejected, at: datetime) -> Line:
    about = ("oidc-clients", event.name)
    return Line(at, f"OIDC client {event.name} refused", event.reason, State.FAILED, about)


def _withdrawn(event: OidcClientRemoved, at: datetime) -> Line:
    return Line(at, f"OIDC client {event.name} removed", about=("oidc-clients", event.name))


def _managed(event: ManagedObjectChanged, at: datetime) -> Line:
    what = "deleted" if event.deleted else "changed"
    where = f"in {event.namespace}" if event.namespace else ""
    title = f"{event.object_kind} {event.name} was {what}"
    spaces = frozenset((event.namespace or event.name,))
    return Line(
        at, title, f"The platform looks at it and puts back what is not right {where}".strip(), spaces=spaces
    )


def _pushed(event: SourceChanged, at: datetime) -> Line:
    text = " ".join(
        filter(None, (event.repository, event.ref.removeprefix("refs/heads/"), event.sha[:_SHORT]))
    )
    title = "Pushed" if event.action == "push" else f"Repository {event.action}"
    return Line(at, title, text, about=("git-repositories", event.name), by=event.by)


def _unregistered(event: RegistrationDeleted, at: datetime) -> Line:
    return Line(at, f"The registration of {event.app} is being deleted", state=State.BUSY)


_SAYINGS: Final[Mapping[type[Event], Callable[[Any, datetime], Line]]] = {
    NamespacesReady: _namespaces,
    EncryptionKeyReady: _key,
    RepositoryReady: _repository,
    RepositoryDrifted: _drift,
    SecretEncrypted: _encrypted,
    SecretRemoved: _removed,
    CommitPushed: _committed,
    CommitFailed: _not_committed,
    FluxObjectChanged: _flux,
    OidcClientRegistered: _registered,
    OidcClientRejected: _rejected,
    OidcClientRemoved: _withdrawn,
    ManagedObjectChanged: _managed,
    SourceChanged: _pushed,
    RegistrationDeleted: _unregistered,
}
"""What is said of an event; those that only repeat what another tells are not here."""
