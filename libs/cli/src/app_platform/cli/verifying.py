"""Whether a platform repository holds what it should: every file in its place, readable, unaltered, and what its intent says. Pure.

Guarantees: no value is in anything that is said; of contents that differ, the names of the keys are told.
Leaves out: what lies outside ``secrets/``, which git-committer puts right in each round.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from app_platform import sops
from app_platform.contracts import Registration, names
from app_platform.diagnosis import Finding, Reference, State

_KEEP: Final = f"{names.SECRETS_FOLDER}/.gitkeep"
_ROUND: Final = 'The next round (10 minutes) puts it back; `kubectl annotate apr <app> labrats.work/looked-at="$(date +%s)" --overwrite` is quicker.'
_FOREIGN: Final = f"Do not put files under secrets/: they are removed. {_ROUND}"


@dataclass(frozen=True)
class Intent:
    """A secret intent with its content.

    Attributes:
        data: Key to raw value.
        settled: Whether it says that its content is committed.
        status: As its annotation says; empty while there is none.
        message: Why it is not committed, as its annotation says.
        deleting: Whether it is on its way out.
    """

    name: str
    type: str
    targets: tuple[str, ...]
    data: Mapping[str, bytes] = field(repr=False)
    settled: bool = True
    status: str = "Committed"
    message: str = ""
    deleting: bool = False

    @classmethod
    def from_object(cls, obj: Mapping[str, Any]) -> "Intent":
        """From the Secret as the API server returns it."""
        notes = obj["metadata"].get("annotations") or {}
        data = {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}
        status, deleting = notes.get(names.SECRET_STATUS, ""), "deletionTimestamp" in obj["metadata"]
        return cls(
            obj["metadata"]["name"],
            obj.get("type") or "Opaque",
            names.listed(notes.get(names.TARGET_NAMESPACES, "")),
            data,
            status == "Committed" and not deleting,
            status,
            notes.get(names.SECRET_MESSAGE, ""),
            deleting,
        )


@dataclass(frozen=True)
class Held:
    """What there is of an app.

    Attributes:
        files: Path to content of everything under ``secrets/``.
        identities: Of the app's key file.
    """

    registration: Registration
    files: Mapping[str, str] = field(repr=False)
    intents: Sequence[Intent]
    identities: Sequence[sops.Identity] = field(repr=False)


def verify(held: Held) -> list[Finding]:
    """One finding for each file, one for each that is missing, and one for each intent that is not committed."""
    by_name = {intent.name: intent for intent in held.intents}
    found = [_file(held, path, by_name) for path in sorted(held.files) if path != _KEEP]
    return [*found, *_missing(held), *_uncommitted(held)]


def _file(held: Held, path: str, intents: Mapping[str, Intent]) -> Finding:
    place = names.parse_secret_path(path)
    if place is None or place[0] not in held.registration.spec.namespaces:
        return _said(path, State.PROBLEM, "no secret of the app lies there", _FOREIGN)
    namespace, name = place
    intent = intents.get(name)
    if intent is None or namespace not in intent.targets:
        return _said(path, State.PROBLEM, f"no intent asks for {name} in {namespace}", _ROUND)
    try:
        document = sops.decrypt(held.files[path], held.identities)
    except sops.SopsError as error:
        return _said(path, State.PROBLEM, f"{type(error).__name__}: {error}", _ROUND)
    difference = _difference(document, namespace, intent)
    if difference and not intent.settled:
        return _said(
            path,
            State.WARNING,
            f"{difference}; the intent is not committed yet",
            "Wait, or ask `app-platform doctor`.",
        )
    if difference:
        return _said(path, State.PROBLEM, difference, _ROUND)
    return _recipients(held, path)


def _difference(document: Mapping[str, Any], namespace: str, intent: Intent) -> str:
    meta = document.get("metadata")
    meta = meta if isinstance(meta, Mapping) else {}
    named = (document.get("kind"), meta.get("namespace"), meta.get("name"))
    if named != ("Secret", namespace, intent.name):
        return f"it is the file of {named[0]} {named[1]}/{named[2]}"
    if document.get("type") != intent.type:
        return f"its type is {document.get('type')}, the intent's {intent.type}"
    there = _data(document)
    if there is None:
        return "it is no Secret: its data is not keys with values in base64"
    wrong = sorted(key for key in there.keys() | intent.data.keys() if there.get(key) != intent.data.get(key))
    return f"it holds something else than the intent under {', '.join(wrong)}" if wrong else ""


def _data(document: Mapping[str, Any]) -> dict[str, bytes] | None:
    """Key to raw value; ``None`` when it is no data of a Secret."""
    data = document.get("data") or {}
    if not isinstance(data, Mapping):
        return None
    try:
        return {str(key): base64.b64decode(value) for key, value in data.items()}
    except (
        TypeError,
        ValueError,
    ):  # binascii.Error is a ValueError; its text is not told, as it may quote a value
        return None


def _recipients(held: Held, path: str) -> Finding:
    status = held.registration.status
    wanted = (status.recipient, *status.extra_recipients)
    if sops.recipients(held.files[path]) != wanted:
        return _said(
            path,
            State.WARNING,
            "it is right, and encrypted for other recipients than the present ones",
            "See status.rotation of the registration.",
        )
    return _said(path, State.OK, "decrypts, is unaltered, and equals its intent")


def _missing(held: Held) -> Iterator[Finding]:
    for intent in held.intents:
        for namespace in intent.targets:
            path = names.secret_path(namespace, intent.name)
            if intent.settled and path not in held.files:
                yield _said(
                    path, State.PROBLEM, "the intent is committed, and this file of it is missing", _ROUND
                )


def _uncommitted(held: Held) -> Iterator[Finding]:
    for intent in held.intents:
        if intent.settled or intent.deleting:
            continue
        about = Reference("Secret", intent.name, held.registration.platform_namespace)
        make = partial(Finding, "intent", f"intent {intent.name}", about=about)
        if intent.status == "Failed":
            why = intent.message or "no reason is given"
            yield make(State.PROBLEM, f"Failed: {why}", "Change what the message says; it heals at once.")
        else:
            told = f"{intent.status or 'no service has looked at it'}: what it holds is not committed yet"
            yield make(State.WARNING, told, "Wait, or ask `app-platform doctor`.")


def _said(path: str, state: State, detail: str, advice: str = "") -> Finding:
    return Finding("file", path, state, detail, advice, _about(path))


def _about(path: str) -> Reference | None:
    place = names.parse_secret_path(path)
    return Reference("Secret", place[1], place[0]) if place else None
