"""The steps by which deploy/Dockerfile installs a service, run in a plain folder: there is no need of containers to see that they work."""

import subprocess
from pathlib import Path

import pytest

from app_platform.local.paths import workspace_root

INSTALL = workspace_root() / "deploy" / "image" / "install.sh"


@pytest.mark.slow
def test_a_service_is_installed_by_hash_and_starts(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", str(INSTALL), "git-committer", str(tmp_path / "app")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    started = subprocess.run(
        [str(tmp_path / "app" / "bin" / "start")], env={}, capture_output=True, text=True, check=False
    )
    assert "APP_PLATFORM_NATS_URL: Field required" in started.stderr
    assert not (tmp_path / "app" / "bin" / "pip").exists()


def test_an_unknown_service_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", str(INSTALL), "nobody", str(tmp_path / "app")], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "usage: locked.py MEMBER FOLDER" in done.stderr
