"""Which layout a state directory has: one of another version is refused with words, before anything in it is touched.

Raise ``LAYOUT`` when what lies in a state directory would no longer work with what an earlier version left there.

| layout | since |
|---|---|
| 1 | the beginning; had no file that says so, and no NATS keys |
| 2 | NATS accounts: streams lie in another account than before, so that nobody would find those of layout 1 |
"""

from typing import Final

from app_platform.local.errors import StateError
from app_platform.local.paths import StateDir

LAYOUT: Final = 2


def keep_layout(state: StateDir) -> None:
    """Note the layout of a new state directory, and check that of one that is used again.

    Raises:
        StateError: It is that of another version.
    """
    found = _found(state)
    if found != str(LAYOUT):
        raise StateError(
            f"{state.root} was made by another version of the local platform (layout {found}, this one has {LAYOUT}): "
            "`make reset` forgets what is in it, registrations and secrets included; to keep it, go on with that version, "
            "or use another --state-dir"
        )
    state.layout_file.write_text(f"{LAYOUT}\n")


def _found(state: StateDir) -> str:
    if state.layout_file.exists():
        return state.layout_file.read_text().strip()
    is_older = state.options_file.exists() and not state.nats_keys.exists()
    return "1" if is_older else str(LAYOUT)
