"""Decides what to commit. Pure: events, the truth about the intents, and the tree in; changes out.

Guarantees: an event counts only if it speaks of the latest content of its intent, so nothing old is written over something
new and nothing deleted comes back; what the tree holds already is not written again, so there is no empty commit.
Leaves out: rebuilding when the head has moved, which the handler does by asking again with the new tree.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app_platform.contracts import (
    EncryptedFile,
    Event,
    FluxObjectChanged,
    IntentVersion,
    RemovedIntent,
    SecretEncrypted,
    SecretRemoved,
    names,
)
from app_platform.git_committer.ports import Changes, Head, IntentState

_SECRET_NAME: Final = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_KEEP: Final = f"{names.SECRETS_FOLDER}/.gitkeep"


@dataclass(frozen=True)
class CommitPlan:
    """What to commit, and of what to tell when it is done.

    Attributes:
        intents: The versions that the repository holds then.
        removed: The intents of which it holds nothing then.
        told: The events that counted, the last one of each intent.
    """

    changes: Changes
    intents: tuple[IntentVersion, ...]
    removed: tuple[RemovedIntent, ...]
    told: tuple[SecretEncrypted | SecretRemoved, ...] = ()

    @property
    def digest(self) -> str:
        """Tells apart two plans that end at the same commit."""
        parts = [f"{v.uid} {v.resource_version} {v.fingerprint}" for v in self.intents] + [
            r.uid + r.name for r in self.removed
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def plan(
    events: Iterable[Event], truth: Mapping[str, IntentState], head: Head, allowed: Sequence[str]
) -> CommitPlan:
    """What a batch of events amounts to.

    Args:
        events: ``SecretEncrypted`` and ``SecretRemoved`` of one app, in order of arrival.
        truth: Name to state of the app's intents, read after ``head``.
        head: What the branch holds.
        allowed: The namespaces that the app has now.
    """
    by_secret = _paths_by_secret(head.tree)
    current = {e.name: e for e in events if isinstance(e, SecretEncrypted) and _is_latest(e, truth)}
    gone = {e.name: e for e in events if isinstance(e, SecretRemoved) and _is_gone(e, truth)}
    writes: dict[str, str] = {}
    deletes = [path for name in gone for path in by_secret.get(name, ())]
    for name, event in current.items():
        files = [f for f in event.files if _namespace_of(f.path) in allowed]
        writes |= {f.path: f.content for f in files if head.tree.get(f.path) != names.blob_id(f.content)}
        # Those in namespaces that the app gave up go when what is live there is sure to stay (``releasing``).
        mine = {path for path in by_secret.get(name, ()) if _namespace_of(path) in allowed}
        deletes += sorted(mine - {f.path for f in files})
    touched = {parsed[1] for path in [*writes, *deletes] if (parsed := names.parse_secret_path(path))}
    # One that was committed before and needs nothing now keeps the commit it names.
    told = [e.intent for name, e in current.items() if name in touched or not truth[name].committed]
    return CommitPlan(
        Changes(writes, sorted(deletes)),
        tuple(told),
        tuple(RemovedIntent(name=e.name, uid=e.uid) for e in gone.values()),
        (*current.values(), *gone.values()),
    )


def overtaken(
    events: Iterable[Event], before: Mapping[str, IntentState], now: Mapping[str, IntentState]
) -> bool:
    """Whether an event that counted before a commit speaks of the past after it.

    Then somebody may have found nothing to do just before that commit, and what it wrote must be looked at again: a
    decision that changes nothing moves no head, so no compare-and-swap guards it.
    """
    return any(
        (isinstance(e, SecretEncrypted) and _is_latest(e, before) and not _is_latest(e, now))
        or (isinstance(e, SecretRemoved) and _is_gone(e, before) and not _is_gone(e, now))
        for e in events
    )


def _is_latest(event: SecretEncrypted, truth: Mapping[str, IntentState]) -> bool:
    state = truth.get(event.name)
    return (
        state is not None
        and not state.deleting
        and (state.uid, state.fingerprint) == (event.uid, event.fingerprint)
        and all(_belongs(f, event.name) for f in event.files)
    )


def _is_gone(event: SecretRemoved, truth: Mapping[str, IntentState]) -> bool:
    state = truth.get(event.name)
    return state is None or state.deleting


def _belongs(file: EncryptedFile, name: str) -> bool:
    """Whether a file lies where this intent's files lie; nothing else may be written on an event's word."""
    parsed = names.parse_secret_path(file.path)
    return parsed is not None and parsed[1] == name and names.is_dns_label(parsed[0])


def _namespace_of(path: str) -> str:
    parsed = names.parse_secret_path(path)
    return parsed[0] if parsed else ""


def _paths_by_secret(tree: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in tree:
        parsed = names.parse_secret_path(path)
        if parsed is not None:
            found.setdefault(parsed[1], []).append(path)
    return found


def plan_base(files: Mapping[str, str], head: Head) -> Changes:
    """What to change so that the base files are right, and nothing lies under ``secrets/`` that is no secret.

    A file that is no Secret at all would stop Flux from applying all the others. Foreign files elsewhere stay.
    """
    writes = {
        path: content for path, content in files.items() if head.tree.get(path) != names.blob_id(content)
    }
    return Changes(writes, [path for path in head.tree if _is_foreign(path)])


def secrets_by_namespace(tree: Mapping[str, str]) -> dict[str, list[str]]:
    """Namespace to paths of the secrets in it."""
    found: dict[str, list[str]] = {}
    for path in sorted(tree):
        parsed = names.parse_secret_path(path)
        if parsed is not None and names.is_dns_label(parsed[0]):
            found.setdefault(parsed[0], []).append(path)
    return found


def leaving(tree: Mapping[str, str], given_up: Iterable[str], waiting: Collection[str]) -> Changes:
    """The files to remove of namespaces that the app gave up.

    Args:
        tree: Of the head.
        given_up: Those namespaces.
        waiting: Those among them in which something live would go with its file.
    """
    there = secrets_by_namespace(tree)
    paths = [path for name in given_up if name not in waiting for path in there.get(name, ())]
    return Changes(deletes=sorted(paths))


def _is_foreign(path: str) -> bool:
    """Whether a path lies under ``secrets/`` and is no place of a secret; those of secrets are the encryptor's to judge."""
    if not path.startswith(f"{names.SECRETS_FOLDER}/") or path == _KEEP:
        return False
    parsed = names.parse_secret_path(path)
    return parsed is None or not names.is_dns_label(parsed[0]) or _SECRET_NAME.fullmatch(parsed[1]) is None


def drifted(changes: Changes, head: Head, known: str) -> tuple[str, ...]:
    """Those of the paths to change that somebody else has changed.

    Args:
        changes: By ``plan_base``.
        head: That they were planned on.
        known: The head that was reported last. While it is the head, nobody else has changed anything, and what differs
            follows from the registration.
    """
    foreign = {path for path in changes.deletes if _is_foreign(path)}
    elsewhere = set(changes.writes) if known and known != head.sha else set()
    return tuple(sorted(foreign | elsewhere))


def secrets_in(tree: Mapping[str, str], allowed: Collection[str]) -> dict[str, str]:
    """The part of a tree that holds secrets, but those of namespaces that the app gave up, which are on their way out."""
    return {path: blob for path, blob in tree.items() if _namespace_of(path) in allowed}


def after(head: Head, sha: str, changes: Changes) -> Head:
    """The head that a commit makes."""
    kept = {path: blob for path, blob in head.tree.items() if path not in set(changes.deletes)}
    return Head(sha, kept | {path: names.blob_id(content) for path, content in changes.writes.items()})


def own_sources(events: Iterable[Event]) -> list[str]:
    """The GitRepositories of the app's own that events speak of and that may still be there."""
    return sorted(
        {
            event.name
            for event in events
            if isinstance(event, FluxObjectChanged)
            and event.object_kind == "GitRepository"
            and event.name != names.platform_namespace(event.app)
            and not event.deleted
        }
    )
