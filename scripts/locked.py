"""What one member of the workspace needs, out of requirements.lock: ``python scripts/locked.py watcher FOLDER``.

Writes into the folder ``third-party.txt`` and ``build.txt``, requirement files with hashes, and ``members.txt``, the folders of the
member and of those that it stands on. Needs nothing but Python, as it runs before anything is installed.

Guarantees: the same versions as everywhere else, and none that only another member or the tests need; ``requirements.lock`` says
after ``# via`` who asked for a package. Leaves out: resolving; what the lock lacks, ``pip check`` finds.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_PREFIX: Final = "app-platform-"
_PACKAGE: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==", re.MULTILINE)
_VIA: Final = re.compile(r"^    #(?: via|  ) +(?P<name>[a-z0-9._-]+)(?:\[[^\]]*\])?$", re.MULTILINE)
_BUILD: Final = frozenset(("uv-build",))
"""What the members' ``build-system`` asks for."""


def main() -> int:
    """Write the three files; returns the exit status."""
    try:
        member, folder = sys.argv[1], Path(sys.argv[2])
        members = members_of(member, members_of_workspace(ROOT))
    except (IndexError, KeyError):
        sys.stderr.write(
            "usage: locked.py MEMBER FOLDER, where MEMBER is the name of a folder in libs or services\n"
        )
        return 2
    lock = (ROOT / "requirements.lock").read_text()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "third-party.txt").write_text(chosen(lock, frozenset(members)))
    (folder / "build.txt").write_text(
        "".join(block for name, block in blocks(lock).items() if name in _BUILD)
    )
    (folder / "members.txt").write_text("".join(f"{path}\n" for path in members.values()))
    return 0


def members_of_workspace(root: Path) -> dict[str, Path]:
    """Folder of each member by the name of its project."""
    files = sorted(root.glob("libs/*/pyproject.toml")) + sorted(root.glob("services/*/pyproject.toml"))
    return {_PREFIX + file.parent.name: file.parent for file in files}


def members_of(member: str, all_members: Mapping[str, Path]) -> dict[str, Path]:
    """A member and all that it stands on, by the names of their projects.

    Raises:
        KeyError: There is no such member.
    """
    found: dict[str, Path] = {}
    waiting = [_PREFIX + member]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = all_members[name]
            waiting += _dependencies(all_members[name])
    return dict(sorted(found.items()))


def chosen(lock: str, wanted_by: frozenset[str]) -> str:
    """Those parts of a lock that the wanted packages need, directly or not."""
    packages = blocks(lock)
    wanted: set[str] = set()
    while more := {
        name for name, block in packages.items() if name not in wanted and _via(block) & (wanted | wanted_by)
    }:
        wanted |= more
    return "".join(block for name, block in packages.items() if name in wanted)


def blocks(lock: str) -> dict[str, str]:
    """Each package's part of a lock, with its hashes, by name."""
    starts = [match.start() for match in _PACKAGE.finditer(lock)]
    parts = [lock[start:end] for start, end in zip(starts, [*starts[1:], len(lock)], strict=True)]
    return {part.split("==", 1)[0]: part for part in parts}


def _via(block: str) -> set[str]:
    return {match["name"] for match in _VIA.finditer(block)}


def _dependencies(folder: Path) -> list[str]:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return [name for name in project.get("dependencies", []) if name.startswith(_PREFIX)]


if __name__ == "__main__":
    sys.exit(main())
