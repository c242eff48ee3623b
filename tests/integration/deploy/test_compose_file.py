"""docker-compose.yml and what it hands to programs, held against those programs: Compose's own loader, nats-server, sh."""

import http.client
import json
import os
import shutil
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import pytest
import yaml

from app_platform.local import compose
from app_platform.local.paths import workspace_root
from app_platform.local.ports import choose
from app_platform.local.tools import find_tool
from support.platform import eventually

ROOT = workspace_root()
NOTHING = "/api/repos/apps/nothing"
FOLDER = ROOT / "deploy" / "compose"


def run(*command: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, check=False)


def loaded(file: Path) -> subprocess.CompletedProcess[str]:
    return run(find_tool("compose-spec", os.environ, print), "-format", "json", file)


def test_compose_takes_the_file() -> None:
    done = loaded(ROOT / "docker-compose.yml")
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert services["dashboard"]["depends_on"]["cluster"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("subpath: nats", "subpaht: nats"),
        ("condition: service_healthy", "condition: service_hale"),
        ("read_only: true", "readonly: true"),
    ],
)
def test_compose_refuses_what_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert old in text
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(text.replace(old, new, 1))
    assert loaded(wrong).returncode != 0


def test_nats_takes_its_configuration(tmp_path: Path) -> None:
    compose.furnish(tmp_path / "secrets")
    shutil.copytree(tmp_path / "secrets" / "nats", tmp_path / "app-platform")
    (tmp_path / "nats").mkdir()
    shutil.copy(FOLDER / "nats.conf", tmp_path / "nats")
    done = run(find_tool("nats-server", os.environ, print), "-t", "-c", tmp_path / "nats" / "nats.conf")
    assert done.returncode == 0, done.stderr


def test_the_git_server_runs_with_what_it_is_given(tmp_path: Path) -> None:
    compose.furnish(tmp_path / "secrets")
    given = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["git"]["environment"]
    port = choose(["git"], {}, str(tmp_path))["git"]
    here = {
        "APP_PLATFORM_GIT_HOST": "127.0.0.1",
        "APP_PLATFORM_GIT_PORT": str(port),
        "APP_PLATFORM_GIT_DATA": str(tmp_path / "data"),
    }
    env = {
        "PATH": os.environ["PATH"],
        **given,
        **here,
        "APP_PLATFORM_SECRETS_DIR": str(tmp_path / "secrets" / "git"),
    }
    process = subprocess.Popen([sys.executable, "-m", "app_platform.local.git"], env=env)
    try:
        eventually(lambda: answer(port, "/healthz") == HTTPStatus.OK, "the Git server answers")
        token = (tmp_path / "secrets" / "git-committer" / "app_platform_forge_token").read_text()
        assert answer(port, NOTHING, token) == HTTPStatus.NOT_FOUND
        assert answer(port, NOTHING, "guessed") in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    finally:
        process.terminate()
        process.wait(timeout=30)


def answer(port: int, path: str, token: str = "") -> int:
    """The status that this machine answers with; 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_the_script_for_the_cluster_is_a_script() -> None:
    done = run("sh", "-n", FOLDER / "cluster.sh")
    assert done.returncode == 0, done.stderr
