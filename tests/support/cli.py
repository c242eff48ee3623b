"""The `app-platform` program, run as people run it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

WIDE = {"COLUMNS": "200"}


def app_platform(
    environment: Mapping[str, str], *arguments: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in this environment alone and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "app_platform.cli", *arguments],
        env={"PATH": os.environ["PATH"], **WIDE, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
