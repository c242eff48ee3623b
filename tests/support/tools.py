"""Real programs that tests run: found on the PATH or in the cache of the local platform, never skipped."""

import os
import shutil
from pathlib import Path

import pytest

SOPS_VERSION = "v3.13.3"


def find_program(name: str, version: str) -> Path:
    """A program on the PATH or in the cache that `make up` fills; fails the test that needs it when there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cached = cache / "app-platform" / "tools" / name / version / name
    found = shutil.which(name) or (str(cached) if cached.is_file() else None)
    if found is None:
        pytest.fail(
            f"{name} {version} is needed here: neither on the PATH nor at {cached} (`make up` puts it there)"
        )
    return Path(found)


@pytest.fixture(scope="session")
def sops_binary() -> Path:
    return find_program("sops", SOPS_VERSION)
