"""deploy/Dockerfile: its linter, and the steps by which it installs a service, run in a plain folder, as that needs no containers."""

import subprocess
import sys
from pathlib import Path

import pytest

from app_platform.local.paths import workspace_root

INSTALL = workspace_root() / "deploy" / "image" / "install.sh"
DOCKERFILE = workspace_root() / "deploy" / "Dockerfile"


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


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_an_unknown_service_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", str(INSTALL), "nobody", str(tmp_path / "app")], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "usage: locked.py MEMBER FOLDER" in done.stderr
