"""Who changed which keys of which secrets when, from the commits of a platform repository. Pure.

Read from the files themselves: an unchanged value keeps its ciphertext, so what differs between a commit and its parent is
what was changed. By whom and why is what the commit message says (``- update <secret> in <namespaces>, by <whom>``); its
trailers name the events and the trace. Commits of others are told as such.
Guarantees: names of keys, never values; one row for each file that a commit changed.
Leaves out: events beyond the twenty that a message lists; the trace finds them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import yaml

from app_platform.contracts import names
from app_platform.gitread import Commit

_ITEM: Final = re.compile(
    r"^- (?P<action>update|repair|re-encrypt|remove) (?P<name>\S+) in (?P<spaces>[a-z0-9, -]+?)"
    r"(?:, by (?P<by>.*?))?(?:: (?:its files were changed by somebody else|the app's key was replaced))?$"
)
_TRAILER: Final = re.compile(r"^(?P<key>[A-Z][A-Za-z-]*): (?P<value>.+)$", re.MULTILINE)
_OURS: Final = "Change-Id"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""By which a spreadsheet takes a cell for a formula (OWASP, "CSV Injection")."""


@dataclass(frozen=True)
class Change:
    """One file changed by one commit.

    Attributes:
        time: Of the commit, RFC 3339.
        action: ``create``, ``update``, ``repair``, ``re-encrypt``, ``remove``, or ``foreign`` for a commit that is not ours.
        by: Who changed the intent, as the commit says; the commit's author for a foreign one.
        added: Names of keys; as are ``changed`` and ``removed``.
        events: Ids of the events that caused the commit.
    """

    time: str
    app: str
    namespace: str
    secret: str
    action: str
    by: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    commit: str
    trace: str
    events: tuple[str, ...]


COLUMNS: Final = tuple(field.name for field in fields(Change))


def wanted_contents(commits: Iterable[Commit]) -> list[str]:
    """The contents that ``changes`` needs, as git names them."""
    return [name for commit in commits for each in commit.changed for name in _versions(commit, each.path)]


def _versions(commit: Commit, path: str) -> tuple[str, ...]:
    parent = commit.parents[0] if commit.parents else ""
    return tuple(f"{sha}:{path}" for sha in (parent, commit.sha) if sha)


def changes(app: str, commits: Iterable[Commit], contents: Mapping[str, str | None]) -> list[Change]:
    """What was changed, in the order of the commits.

    Args:
        app: Whose repository it is.
        commits: Oldest first.
        contents: By the names of ``wanted_contents``.
    """
    found = []
    for commit in commits:
        told = _told(commit.message)
        for each in commit.changed:
            place = names.parse_secret_path(each.path)
            if place is not None:
                found.append(_change(app, commit, (each.path, *place), told, contents))
    return found


def _change(
    app: str,
    commit: Commit,
    file: tuple[str, str, str],
    told: Mapping[str, tuple[str, str]],
    contents: Mapping[str, str | None],
) -> Change:
    path, namespace, name = file
    trailers = _TRAILER.findall(commit.message)
    before, after = (
        _keys(contents.get(f"{(commit.parents or ('',))[0]}:{path}")),
        _keys(contents.get(f"{commit.sha}:{path}")),
    )
    action, by = _who(commit, name, told, trailers)
    if action == "update":
        # One secret may come into one namespace and leave another by the same commit, which has one line for it.
        action = "create" if before is None else "remove" if after is None else "update"
    old, new = before or {}, after or {}
    return Change(
        time=commit.time.isoformat(),
        app=app,
        namespace=namespace,
        secret=name,
        action=action,
        by=by,
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(key for key in new.keys() & old.keys() if new[key] != old[key])),
        removed=tuple(sorted(old.keys() - new.keys())),
        commit=commit.sha,
        trace=next((value for key, value in trailers if key == "Trace"), ""),
        events=tuple(value for key, value in trailers if key == "Event" and f"/{name}/" in value),
    )


def _who(
    commit: Commit, name: str, told: Mapping[str, tuple[str, str]], trailers: Sequence[tuple[str, str]]
) -> tuple[str, str]:
    if _OURS not in {key for key, _ in trailers}:
        return "foreign", commit.author
    return told.get(name, ("update", ""))


def _told(message: str) -> dict[str, tuple[str, str]]:
    """Name of a secret to what was done with it, and by whom."""
    items = [found for line in message.splitlines() if (found := _ITEM.match(line))]
    return {item["name"]: (item["action"], item["by"] or "") for item in items}


def _keys(text: str | None) -> dict[str, str] | None:
    """Key to ciphertext of a file; ``None`` when there is no file, empty when it is no file of ours."""
    if text is None:
        return None
    try:
        document = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError:
        return {}
    data = document.get("data") if isinstance(document, dict) else None
    return {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else {}


def as_json(change: Change) -> dict[str, Any]:
    """For pipes; the fields do not change within a version."""
    return asdict(change)


def as_row(change: Change) -> list[str]:
    """For a table; lists are joined by spaces, as no name holds one."""
    values = (getattr(change, column) for column in COLUMNS)
    return [_cell(" ".join(value) if isinstance(value, tuple) else value) for value in values]


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
