"""Commit messages: what changed, by whom and why, and the events that caused it. Pure.

Guarantees: every secret of a commit is named with who changed it, however many they are (a batch has 250 at most): no other place
keeps that for ever, and `app-platform export` reads it here. No secret value is known here. Words that come from objects are put on one line and cut, so that nobody can add a
trailer or a paragraph of his own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app_platform.contracts import SecretEncrypted, SecretRemoved, names
from app_platform.git_committer.ports import Changes

_LISTED: Final = 20
"""Events and paths, which can be found by the trace and in the commit itself."""
_SPACES: Final = 8
_MAX_WORDS: Final = 80
_VERBS: Final = {"change": "update", "repair": "repair", "rotation": "re-encrypt"}
_REMOVE: Final = "remove"
_ORDER: Final = (*_VERBS.values(), _REMOVE)
_WHY: Final = {
    "repair": "its files were changed by somebody else",
    "rotation": "the app's key was replaced",
}

Told = SecretEncrypted | SecretRemoved


@dataclass(frozen=True)
class _Item:
    """One secret of a commit."""

    verb: str
    name: str
    namespaces: tuple[str, ...]
    by: str
    why: str

    def __str__(self) -> str:
        text = f"- {self.verb} {self.name} in {_some(self.namespaces)}"
        return text + (f", by {self.by}" if self.by else "") + (f": {self.why}" if self.why else "")


def _some(namespaces: Sequence[str]) -> str:
    more = f" and {len(namespaces) - _SPACES} more" if len(namespaces) > _SPACES else ""
    return ", ".join(namespaces[:_SPACES]) + more


def secrets_message(changes: Changes, told: Sequence[Told], trace_id: str) -> str:
    """The message of a commit of secrets.

    Args:
        changes: What it changes.
        told: The events that counted, the last one of each secret.
        trace_id: Of the batch; may be empty.
    """
    by_name = {event.name: event for event in told}
    items = _items("update", changes.writes, by_name)
    written = {item.name for item in items}
    items += [item for item in _items(_REMOVE, changes.deletes, by_name) if item.name not in written]
    items.sort(key=lambda item: _ORDER.index(item.verb))
    trailers = [f"Event: {one_line(event.id, 400)}" for event in told[:_LISTED]]
    trailers += [f"Trace: {trace_id}"] if trace_id else []
    parts = (_subject(items), "\n".join(map(str, items)), "\n".join(trailers))
    return "\n\n".join(part for part in parts if part)


def base_message(drifted: Sequence[str], trace_id: str) -> str:
    """The message of a commit of the repository's own files.

    Args:
        drifted: Those of its paths that somebody else had changed.
        trace_id: Of the batch; may be empty.
    """
    subject = "platform: update the repository's own files"
    why = ""
    if drifted:
        subject = "platform: repair what was changed by somebody else"
        why = "\n".join(f"- {one_line(path, 200)}" for path in sorted(drifted)[:_LISTED])
        why += f"\n- and {len(drifted) - _LISTED} more" if len(drifted) > _LISTED else ""
    return "\n\n".join(part for part in (subject, why, _trace(trace_id)) if part)


def withdrawal_message(changes: Changes, trace_id: str) -> str:
    """The message of a commit by which the files of namespaces leave that the app gave up."""
    parsed = filter(None, map(names.parse_secret_path, changes.deletes))
    files = Counter(namespace for namespace, _ in parsed)
    subject = (
        f"platform: let go of {', '.join(sorted(files))}"
        if len(files) == 1
        else "platform: let go of namespaces"
    )
    counted = [f"- {count} files of {namespace}" for namespace, count in sorted(files.items())]
    why = "The registration does not name them any more. What is live there stays."
    return "\n\n".join(
        part for part in (subject, "\n".join(counted[:_LISTED]), why, _trace(trace_id)) if part
    )


def _trace(trace_id: str) -> str:
    return f"Trace: {trace_id}" if trace_id else ""


def one_line(text: str, most: int = _MAX_WORDS) -> str:
    """Words of others on one line: what cannot be printed becomes a space, and what is too long is cut."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def _items(verb: str, paths: Iterable[str], told: Mapping[str, Told]) -> list[_Item]:
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        parsed = names.parse_secret_path(path)
        if parsed is not None:
            found.setdefault(parsed[1], []).append(parsed[0])
    return [_item(verb, name, tuple(spaces), told.get(name)) for name, spaces in found.items()]


def _item(verb: str, name: str, namespaces: tuple[str, ...], event: Told | None) -> _Item:
    by = one_line(event.by) if event else ""
    if verb != _REMOVE and isinstance(event, SecretEncrypted):
        return _Item(_VERBS[event.cause], name, namespaces, by, _WHY.get(event.cause, ""))
    return _Item(verb, name, namespaces, by, "")


def _subject(items: Sequence[_Item]) -> str:
    if len(items) == 1:
        return f"secrets: {items[0].verb} {items[0].name}"
    counts = {verb: sum(item.verb == verb for item in items) for verb in _ORDER}
    return "secrets: " + ", ".join(f"{verb} {count}" for verb, count in counts.items() if count)
