"""Decides what an intent needs. Pure: the intent, its registration and the app's keys in, a decision out.

Guarantees: an intent that breaks a rule gets words for its author and nothing else happens to it; one whose committed
content is the present one needs nothing, so events may come any number of times.
Leaves out: the order of writes, which the handlers keep.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app_platform.contracts import (
    Cause,
    ConditionType,
    Delivery,
    IntentVersion,
    Registration,
    SecretEncrypted,
    Stage,
    Verdict,
    names,
    write_deliveries,
)
from app_platform.secrets_encryptor import sealing
from app_platform.secrets_encryptor.ports import Intent, IntentMetadata, Mark
from app_platform.secrets_encryptor.sealing import Keyring

SERVICE = "secrets-encryptor"
FINALIZER = names.finalizer(SERVICE)
_KEY = re.compile(names.SECRET_KEY_PATTERN)
_LISTED = 5
_MAX_BYTES = 1024 * 1024
"""What Kubernetes allows for all values of a Secret (core/v1 ``MaxSecretSize``)."""
_UNDELIVERABLE = {
    "kubernetes.io/service-account-token": "Kubernetes itself fills such a Secret, for a ServiceAccount of its own namespace",
}
"""Types that cannot be applied in another namespace; one such file would keep Flux from applying all others."""
_NAMES_OF_KUSTOMIZE = frozenset({"kustomization"})
"""``kustomization.yaml`` in a folder is what kustomize works by (kustomize api/konfig ``RecognizedKustomizationFileNames``)."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Where ``kubectl apply`` keeps the whole manifest, values included, in the open."""


class Status(StrEnum):
    """Values of the status annotation."""

    PENDING = "Pending"
    COMMITTED = "Committed"
    FAILED = "Failed"


@dataclass(frozen=True)
class Nothing:
    """The intent is as it should be."""


@dataclass(frozen=True)
class Refuse:
    """The intent breaks a rule; the mark says which."""

    mark: Mark


@dataclass(frozen=True)
class Remove:
    """The intent is being deleted: its files must go."""


@dataclass(frozen=True)
class Seal:
    """The intent's files are to be committed.

    Attributes:
        mark: To write on the intent first; ``None`` when it already says so.
        cause: Why, as far as the intent tells: its content changed, or only whom it is encrypted for.
    """

    mark: Mark | None
    fingerprint: str
    keys: tuple[str, ...]
    targets: tuple[str, ...]
    sealed: sealing.Sealed
    cause: Cause = "change"

    def event(self, app: str, intent: Intent, resource_version: str, resync: str) -> SecretEncrypted:
        """The event that carries the files; encrypts them."""
        return SecretEncrypted(
            app=app,
            name=intent.name,
            resync=resync,
            uid=intent.uid,
            resource_version=resource_version,
            fingerprint=self.fingerprint,
            keys=self.keys,
            files=sealing.files(app, intent, self.targets, self.sealed),
            cause=self.cause,
            by=intent.changed_by,
        )


Decision = Nothing | Refuse | Remove | Seal


def decide(registration: Registration, intent: Intent, ring: Keyring, now: datetime) -> Decision:
    """What this intent needs.

    Args:
        registration: Of the app that the intent belongs to.
        intent: As it is.
        ring: The app's keys.
        now: For the time in the files, when the content is new.
    """
    if intent.deleting:
        return Remove() if FINALIZER in intent.finalizers else Nothing()
    targets = targets_of(intent)
    problem = find_problem(registration, intent, targets)
    if problem is not None:
        return _refuse(intent, problem)
    return _seal(intent, targets, ring, now)


def targets_of(intent: Intent | IntentMetadata) -> tuple[str, ...]:
    """The namespaces that the annotation names, in its order and without repetition."""
    return names.listed(intent.annotations.get(names.TARGET_NAMESPACES, ""))


def find_problem(registration: Registration, intent: Intent, targets: Sequence[str]) -> str | None:
    """What the author must change, in one sentence; ``None`` when all is well. Names keys, never values."""
    return _name_problem(intent.name) or _target_problem(registration, targets) or _content_problem(intent)


def _name_problem(name: str) -> str | None:
    if name not in _NAMES_OF_KUSTOMIZE:
        return None
    return f"choose another name than {name!r}: kustomize would take its file for instructions and deliver nothing any more"


def _target_problem(registration: Registration, targets: Sequence[str]) -> str | None:
    if not targets:
        return f"name at least one namespace in the annotation {names.TARGET_NAMESPACES}"
    unknown = [t for t in targets if t not in registration.spec.namespaces]
    if not unknown:
        return None
    return (
        f"the target {listing(unknown)} is not among the namespaces of {registration.name!r} "
        f"({listing(registration.spec.namespaces) or 'it has none'}): add it to the registration or take it off the targets"
    )


def _content_problem(intent: Intent) -> str | None:
    if intent.type in _UNDELIVERABLE:
        return f"choose another type than {intent.type!r}: {_UNDELIVERABLE[intent.type]}"
    if not intent.data:
        return "add at least one key: a secret without keys is not delivered"
    if sum(map(len, intent.data.values())) > _MAX_BYTES:
        return f"make it smaller: a Secret holds at most {_MAX_BYTES} bytes (1 MiB) in all"
    invalid = [key for key in intent.data if not _KEY.fullmatch(key)]
    if invalid:
        return f"rename the key {listing(invalid)}: letters, digits, dash, underscore and dot are allowed"
    return None


def listing(items: Sequence[str]) -> str:
    """Some of the items, for a sentence."""
    shown = ", ".join(repr(item) for item in items[:_LISTED])
    return shown + (f" and {len(items) - _LISTED} more" if len(items) > _LISTED else "")


def _refuse(intent: Intent, problem: str) -> Decision:
    wanted = {names.SECRET_STATUS: Status.FAILED.value, names.SECRET_MESSAGE: problem}
    if wanted.items() <= dict(intent.annotations).items():
        return Nothing()
    # Without the fingerprint, the next valid content is new whatever it is.
    return Refuse(_mark(intent, {**wanted, names.SECRET_FINGERPRINT: None, LAST_APPLIED: None}))


def _seal(intent: Intent, targets: tuple[str, ...], ring: Keyring, now: datetime) -> Decision:
    content = sealing.fingerprint(ring, intent, targets)
    marked = intent.annotations.get(names.SECRET_FINGERPRINT, "")
    stored = intent.annotations.get(names.SECRET_ENVELOPE)
    kept = sealing.restore(ring, intent.uid, stored)
    keys = tuple(sorted(intent.data))
    if kept is not None and _content(marked) == content and _is(intent, Status.PENDING):
        rotating = names.SECRET_OLD_RECIPIENTS in intent.annotations
        return Seal(None, marked, keys, targets, kept, "rotation" if rotating else "change")
    former = sealing.former(ring, intent.uid, stored) if kept is None else None
    unchanged = former is not None and sealing.fingerprint(former, intent, targets) == _content(marked)
    sealed = sealing.sealed(ring, intent, kept, now)
    # The version makes two marks of one content differ, so that what is told of the first is not taken for the second
    # when another content was between them.
    mark = f"{content}.{intent.resource_version}"
    pending = _pending(intent, mark, keys, sealing.store(ring, intent.uid, sealed))
    if kept is None and (stored or names.SECRET_COMMIT in intent.annotations):
        old = ",".join(former.recipients) if former else "unknown"
        pending = replace(pending, annotations={**pending.annotations, names.SECRET_OLD_RECIPIENTS: old})
    return Seal(pending, mark, keys, targets, sealed, "rotation" if unchanged else "change")


def _content(mark: str) -> str:
    return mark.partition(".")[0]


@dataclass(frozen=True)
class Look:
    """Why intents are looked at.

    Attributes:
        all: Whether all intents of the app are, because of its repository or key. Then what failed is tried again, and
            what is encrypted for other recipients is encrypted anew. Not because of an intent's own event: its failing
            is one too, and would start it anew for ever; and two replicas of different settings would start each other.
        tree: Path to Git blob id, when it is known what the repository holds now.
    """

    all: bool = False
    tree: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Need:
    """That an intent's files have to be told.

    Attributes:
        cause: Why.
        wrong: Files that are in the repository other than as they were committed.
    """

    cause: Cause
    wrong: tuple[str, ...] = ()


def need(intent: Intent, decision: Seal, app: str, look: Look) -> Need | None:
    """Whether the files of a sealed intent have to be told.

    Args:
        intent: The intent.
        decision: For its present content.
        app: Its app.
        look: The occasion.
    """
    if decision.cause == "rotation" and decision.mark is not None:
        return Need("rotation") if look.all else None
    if _content(intent.annotations.get(names.SECRET_FINGERPRINT, "")) != _content(decision.fingerprint):
        return Need(decision.cause)
    if _is(intent, Status.COMMITTED):
        wrong = wrong_paths(decision, app, intent, look.tree) if look.tree is not None else ()
        return Need("repair", tuple(wrong)) if wrong else None
    return Need(decision.cause) if look.all or _is(intent, Status.PENDING) else None


def is_large(intent: Intent, targets: Sequence[str]) -> bool:
    """Whether its files are so large that they are told one intent after the other."""
    return sum(map(len, intent.data.values())) * len(targets) > _MAX_BYTES


def is_pending(intent: Intent | IntentMetadata) -> bool:
    """Whether its commit is still to come."""
    return _is(intent, Status.PENDING)


def _is(intent: Intent | IntentMetadata, status: Status) -> bool:
    return intent.annotations.get(names.SECRET_STATUS) == status


WAITING = Delivery(stage=Stage.WAITING, message="waiting for Flux to fetch and apply the commit")


def _pending(intent: Intent, mark: str, keys: Sequence[str], envelope: str) -> Mark:
    annotations = {
        names.SECRET_STATUS: Status.PENDING.value,
        names.SECRET_MESSAGE: None,
        names.SECRET_KEYS: ",".join(keys),
        names.SECRET_FINGERPRINT: mark,
        names.SECRET_ENVELOPE: envelope,
        # Said now, so that it costs no write of its own when it is committed.
        names.SECRET_DELIVERY: write_deliveries(dict.fromkeys(targets_of(intent), WAITING)),
        LAST_APPLIED: None,
    }
    held = intent.finalizers if FINALIZER in intent.finalizers else (*intent.finalizers, FINALIZER)
    return _mark(intent, annotations, held)


def traced(mark: Mark, traceparent: str) -> Mark:
    """The mark with the trace that it is made in: what Flux does with it later is told in that one.

    Args:
        mark: Of new content.
        traceparent: Empty when there is none; then it is as it was.
    """
    noted = {names.TRACEPARENT: traceparent} if traceparent else {}
    return replace(mark, annotations={**mark.annotations, **noted})


def _mark(
    intent: Intent, annotations: Mapping[str, str | None], finalizers: tuple[str, ...] | None = None
) -> Mark:
    return Mark(intent.name, intent.uid, intent.resource_version, annotations, finalizers)


def wrong_paths(decision: Seal, app: str, intent: Intent, tree: Mapping[str, str]) -> list[str]:
    """Files of this intent that are missing in the repository, or not what they should be to the byte, or too many.

    Args:
        decision: For the present content.
        app: Its app.
        intent: The intent.
        tree: Path to Git blob id.
    """
    wanted = {
        f.path: names.blob_id(f.content)
        for f in sealing.each_file(app, intent, decision.targets, decision.sealed)
    }
    there = {path: blob for path, blob in tree.items() if _name_at(path) == intent.name}
    return sorted(path for path in wanted.keys() | there.keys() if wanted.get(path) != there.get(path))


def orphans(intents: Sequence[Intent], tree: Mapping[str, str]) -> dict[str, list[str]]:
    """Name to paths of secrets that have files in the repository and no intent."""
    known = {intent.name for intent in intents}
    found: dict[str, list[str]] = {}
    for path in sorted(tree):
        name = _name_at(path)
        if name is not None and name not in known:
            found.setdefault(name, []).append(path)
    return found


def _name_at(path: str) -> str | None:
    parsed = names.parse_secret_path(path)
    return parsed[1] if parsed else None


def committed_mark(version: IntentVersion, sha: str) -> Mark:
    """Says that the repository holds this version."""
    annotations = {
        names.SECRET_STATUS: Status.COMMITTED.value,
        names.SECRET_COMMIT: sha,
        names.SECRET_MESSAGE: None,
        names.SECRET_OLD_RECIPIENTS: None,
    }
    return Mark(version.name, version.uid, version.resource_version, annotations)


def failed_mark(version: IntentVersion, reason: str) -> Mark:
    """Says that the repository could not be given this version."""
    annotations = {names.SECRET_STATUS: Status.FAILED.value, names.SECRET_MESSAGE: reason}
    return Mark(version.name, version.uid, version.resource_version, annotations)


def release_mark(intent: Intent) -> Mark:
    """Lets go of an intent."""
    return _mark(intent, {}, tuple(f for f in intent.finalizers if f != FINALIZER))


def key_missing() -> Verdict:
    """The key that files are encrypted for has gone: nothing is made in its place."""
    return Verdict(
        ConditionType.ENCRYPTION_KEY,
        "KeyMissing",
        f"Secret {names.AGE_KEY_SECRET!r} is gone from the platform namespace, and files in Git are encrypted for it: "
        "restore it from a backup; a new key would make them unreadable",
        ok=False,
    )


def key_invalid() -> Verdict:
    """The key Secret does not hold a key."""
    return Verdict(
        ConditionType.ENCRYPTION_KEY,
        "KeyInvalid",
        f"entry {names.AGE_KEY_ENTRY!r} of Secret {names.AGE_KEY_SECRET!r} is not an AGE key file: restore it from a backup",
        ok=False,
    )


def key_ready(recipients: Sequence[str]) -> Verdict:
    """The key is there."""
    message = f"secrets are encrypted for {recipients[0]}"
    if recipients[1:]:
        message += f", and besides for {', '.join(recipients[1:])}"
    return Verdict(ConditionType.ENCRYPTION_KEY, "KeyReady", message, ok=True)
