"""deploy/Dockerfile built by buildah: what is in an image, and what is not."""

import json
import subprocess
from typing import Any

import pytest

from app_platform.local import SERVICES
from cluster import images

NAMES = [service.name for service in SERVICES]


def configuration(image: str) -> Any:
    done = subprocess.run(
        [*images.command(), "inspect", "--type=image", image], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)["Docker"]["config"]


def run(image: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run something in the file system of an image, as the image's user and without any right."""
    buildah = images.command()
    made = subprocess.run(
        [*buildah, "from", "--pull=never", image], capture_output=True, text=True, check=True
    )
    container = made.stdout.strip()
    try:
        return subprocess.run(
            [*buildah, "run", "--isolation=chroot", "--cap-drop=all", container, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        subprocess.run([*buildah, "rm", container], capture_output=True, check=True)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_says_what_it_is_and_how_it_is_run(built: list[str], name: str) -> None:
    found = configuration(images.reference(name))
    assert found["User"] == "1001:1001"
    assert found["Entrypoint"] == ["/app/bin/start"]
    assert "/healthz" in found["Healthcheck"]["Test"][-1]
    labels = found["Labels"]
    assert labels["org.opencontainers.image.title"] == f"app-platform-{name}"
    assert labels["org.opencontainers.image.version"] == images.VERSION


@pytest.mark.parametrize("name", NAMES)
def test_an_image_starts_and_says_which_setting_it_lacks(built: list[str], name: str) -> None:
    said = run(images.reference(name), "/app/bin/start")
    assert "APP_PLATFORM_NATS_URL: Field required" in said.stderr


def test_an_image_holds_only_what_its_service_needs(built: list[str]) -> None:
    code = "import importlib.util as u, sys; sys.exit(sum(u.find_spec(m) is not None for m in sys.argv[1:]))"
    absent = ["github", "pyrage", "pip", "setuptools", "app_platform.git_committer"]
    assert run(images.reference("watcher"), "python", "-c", code, *absent).returncode == 0
    assert run(images.reference("git-committer"), "python", "-c", code, *absent).returncode == 2
    below = "import subprocess, sys; sys.exit(subprocess.call([sys._base_executable, '-c', *sys.argv[1:]]))"
    done = run(images.reference("watcher"), "python", "-c", below, code, "pip", "ensurepip")
    assert done.returncode == 0, "what installs packages is not in the Python that /app stands on"
    assert run(images.reference("git-committer"), "git", "--version").returncode == 0
    assert run(images.reference("watcher"), "git", "--version").returncode != 0
