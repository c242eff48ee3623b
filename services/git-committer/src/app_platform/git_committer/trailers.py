"""The ``Change-Id`` trailer, by which a commit is known again whose making was not heard of. Pure.

It is a digest of the parent and of what is changed, so that whoever makes the same change on the same parent, now or after a
crash, here or in another replica, gives it the same id. The time and the signature, which differ, are not part of it.
Trailers are described in git-interpret-trailers; the name is Gerrit's.
"""

import hashlib
import re
from typing import Final

from app_platform.contracts import names
from app_platform.git_committer.ports import Changes

CHANGE_ID: Final = "Change-Id"
_TRAILER: Final = re.compile(r"[A-Za-z][A-Za-z-]*: \S.*")
_OURS: Final = re.compile(rf"^{CHANGE_ID}: (I[0-9a-f]{{40}})$", re.MULTILINE)


def change_id(parent: str, changes: Changes) -> str:
    """``I`` and 40 hex digits.

    Args:
        parent: Commit id; empty for a first commit.
        changes: What is committed on it.
    """
    lines = [
        f"parent {parent}",
        *(f"write {names.blob_id(text)} {path!r}" for path, text in sorted(changes.writes.items())),
        *(f"delete {path!r}" for path in sorted(changes.deletes)),
    ]
    return "I" + hashlib.sha1("\n".join(lines).encode(), usedforsecurity=False).hexdigest()


def marked(message: str, parent: str, changes: Changes) -> str:
    """The message with the trailer, beside others that it ends with."""
    text = message.rstrip("\n")
    last = text.rpartition("\n\n")[2].splitlines()
    gap = "\n" if "\n\n" in text and all(map(_TRAILER.fullmatch, last)) else "\n\n"
    return f"{text}{gap}{CHANGE_ID}: {change_id(parent, changes)}\n"


def change_id_in(message: str) -> str:
    """The id in a commit message; empty when there is none."""
    found = _OURS.findall(message.rstrip("\n").rpartition("\n\n")[2])
    return str(found[-1]) if found else ""
