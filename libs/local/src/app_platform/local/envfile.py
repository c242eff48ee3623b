"""The file `.local/env`: one `NAME=value` per line, for shells (`set -a; . .local/env`) and for tests."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from app_platform.local.identities import write_private


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Write the file; only its owner may read it, it holds a token."""
    write_private(path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()))


def read_env(path: Path) -> dict[str, str]:
    """Read the file; empty when there is none."""
    if not path.exists():
        return {}
    assignments = (line.partition("=") for line in path.read_text().splitlines() if line)
    return {name: "".join(shlex.split(value)) for name, _, value in assignments}
