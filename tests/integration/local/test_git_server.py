"""The Git server with real `git`: clone, push, and who may do what."""

import json
import os
import shlex
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from app_platform.gitread import new_key_pair
from app_platform.gitread.credentials import SshKey
from app_platform.local import Platform
from support.gitrepo import run_git


class Api:
    """The server's JSON API, as its administrator unless told otherwise."""

    def __init__(self, platform: Platform) -> None:
        self._url, self._token = platform.env["GIT_URL"], platform.env["GIT_TOKEN"]

    def __call__(self, method: str, path: str, body: object = None, *, token: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token or self._token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/api/repos/{path}", data, headers, method=method)  # noqa: S310 - our own server
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
                content = answer.read()
                return answer.status, json.loads(content) if content else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


@pytest.fixture
def api(platform: Platform) -> Api:
    return Api(platform)


@pytest.fixture
def repository(api: Api, request: pytest.FixtureRequest) -> str:
    name = f"repo-{request.node.name.replace('_', '-')[:60]}"
    status, _ = api("PUT", f"apps/{name}")
    assert status == 201
    return name


def clone_url(api: Api, repository: str) -> str:
    return str(api("GET", f"apps/{repository}")[1]["cloneUrl"])


def pushed(api: Api, platform: Platform, repository: str, folder: Path, content: bytes = b"one\n") -> Path:
    """A clone of the repository with one commit, pushed."""
    admin = ("admin", platform.env["GIT_TOKEN"])
    tree = folder / "tree"
    assert run_git("clone", clone_url(api, repository), str(tree), folder=folder, user=admin).returncode == 0
    (tree / "file").write_bytes(content)
    run_git("add", "file", folder=tree)
    run_git("commit", "-m", "first", folder=tree)
    done = run_git("push", "origin", "HEAD:main", folder=tree, user=admin)
    assert done.returncode == 0, done.stderr
    return tree


def test_a_new_repository_is_empty_and_creating_it_again_changes_nothing(api: Api, repository: str) -> None:
    status, described = api("PUT", f"apps/{repository}")
    assert status == 200
    assert described == api("GET", f"apps/{repository}")[1]
    assert (described["empty"], described["defaultBranch"]) == (True, "main")


def test_what_is_pushed_can_be_cloned(api: Api, repository: str, platform: Platform, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)  # more than git sends in one piece
    pushed(api, platform, repository, tmp_path, content)
    assert api("GET", f"apps/{repository}")[1]["empty"] is False
    admin = ("admin", platform.env["GIT_TOKEN"])
    run_git("clone", clone_url(api, repository), "again", folder=tmp_path, user=admin)
    assert (tmp_path / "again" / "file").read_bytes() == content


def test_a_forced_push_is_refused(api: Api, repository: str, platform: Platform, tmp_path: Path) -> None:
    tree = pushed(api, platform, repository, tmp_path)
    run_git("commit", "--amend", "-m", "rewritten", folder=tree)
    done = run_git(
        "push", "--force", "origin", "HEAD:main", folder=tree, user=("admin", platform.env["GIT_TOKEN"])
    )
    assert done.returncode != 0
    assert "non-fast-forward" in done.stderr


def test_a_read_credential_reads_and_does_not_write(
    api: Api, repository: str, platform: Platform, tmp_path: Path
) -> None:
    tree = pushed(api, platform, repository, tmp_path)
    assert api("PUT", f"apps/{repository}/credentials/flux", {"password": "p1", "access": "read"})[0] == 204
    reader = ("flux", "p1")
    assert run_git("ls-remote", clone_url(api, repository), folder=tree, user=reader).returncode == 0
    run_git("commit", "--allow-empty", "-m", "second", folder=tree)
    done = run_git("push", "origin", "HEAD:main", folder=tree, user=reader)
    assert "403" in done.stderr


def test_a_write_credential_writes(api: Api, repository: str, platform: Platform, tmp_path: Path) -> None:
    tree = pushed(api, platform, repository, tmp_path)
    api("PUT", f"apps/{repository}/credentials/bot", {"password": "p2", "access": "write"})
    run_git("commit", "--allow-empty", "-m", "second", folder=tree)
    assert run_git("push", "origin", "HEAD:main", folder=tree, user=("bot", "p2")).returncode == 0


def test_one_repositorys_credential_is_worth_nothing_elsewhere(
    api: Api, repository: str, tmp_path: Path
) -> None:
    other = f"{repository}-b"
    api("PUT", f"apps/{other}")
    api("PUT", f"apps/{repository}/credentials/flux", {"password": "p3", "access": "read"})
    assert (
        run_git("ls-remote", clone_url(api, repository), folder=tmp_path, user=("flux", "p3")).returncode == 0
    )
    assert run_git("ls-remote", clone_url(api, other), folder=tmp_path, user=("flux", "p3")).returncode != 0
    assert run_git("ls-remote", clone_url(api, repository), folder=tmp_path).returncode != 0


def test_a_replaced_password_stops_working(api: Api, repository: str, tmp_path: Path) -> None:
    for password in ("old", "new"):
        api("PUT", f"apps/{repository}/credentials/flux", {"password": password, "access": "read"})
    url = clone_url(api, repository)
    assert run_git("ls-remote", url, folder=tmp_path, user=("flux", "old")).returncode != 0
    assert run_git("ls-remote", url, folder=tmp_path, user=("flux", "new")).returncode == 0


def test_the_api_wants_the_administrators_token(api: Api, repository: str) -> None:
    assert api("GET", f"apps/{repository}", token="wrong")[0] == 401
    assert api("DELETE", f"apps/{repository}", token="wrong")[0] == 401
    assert api("GET", f"apps/{repository}")[0] == 200


@pytest.mark.parametrize("path", ["apps/..%2fother", "..%2fapps/name", "apps/-name", "apps/name.git"])
def test_names_that_could_lead_elsewhere_are_refused(api: Api, path: str) -> None:
    status, answer = api("PUT", path)
    assert status == 400
    assert "is not a name" in answer["error"]


def test_bad_bodies_are_refused_with_what_is_wanted(api: Api, repository: str) -> None:
    status, answer = api("PUT", f"apps/{repository}/credentials/flux", {"password": "", "access": "all"})
    assert status == 400
    assert '"read" or "write"' in answer["error"]


def test_a_deleted_repository_is_gone(api: Api, repository: str) -> None:
    assert api("DELETE", f"apps/{repository}")[0] == 204
    assert api("GET", f"apps/{repository}")[0] == 404
    assert api("DELETE", f"apps/{repository}")[0] == 204


def test_fetches_whose_request_git_compresses(
    api: Api, repository: str, platform: Platform, tmp_path: Path
) -> None:
    """Git compresses what it says it has once that is over 1 KiB: after some twenty commits that only it knows."""
    tree = pushed(api, platform, repository, tmp_path)
    other = tmp_path / "other"
    admin = ("admin", platform.env["GIT_TOKEN"])
    assert (
        run_git("clone", clone_url(api, repository), str(other), folder=tmp_path, user=admin).returncode == 0
    )
    for number in range(60):
        run_git("commit", "--allow-empty", "-m", f"own {number}", folder=other)
    (tree / "file").write_text("two\n")
    run_git("commit", "-am", "second", folder=tree)
    assert run_git("push", "origin", "HEAD:main", folder=tree, user=admin).returncode == 0
    done = run_git("fetch", "origin", folder=other, user=admin)
    assert done.returncode == 0, done.stderr


def over_ssh(
    platform: Platform, folder: Path, private: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run git with an SSH key, knowing the server as the dashboard does."""
    key = SshKey(private, platform.state.known_hosts.read_text())
    env = {"PATH": os.environ["PATH"], **key.environment(folder)}
    return subprocess.run(
        ["git", *arguments], env=env, cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_deploy_key_reads_its_repository_and_nothing_else(
    api: Api, platform: Platform, repository: str, tmp_path: Path
) -> None:
    tree = pushed(api, platform, repository, tmp_path)
    mine, stranger = new_key_pair(), new_key_pair()
    url = f"{platform.env['GIT_SSH_URL']}/apps/{repository}.git"
    refused = over_ssh(platform, tmp_path, mine.private, "ls-remote", url)
    assert "Permission denied (publickey)" in refused.stderr

    assert api("POST", f"apps/{repository}/keys", {"key": f"{mine.public} of somebody"})[0] == 204
    head = run_git("rev-parse", "HEAD", folder=tree).stdout.strip()
    assert over_ssh(platform, tmp_path, mine.private, "ls-remote", url, "main").stdout.startswith(head)
    assert "Permission denied" in over_ssh(platform, tmp_path, stranger.private, "ls-remote", url).stderr

    other = f"{repository}-other"
    api("PUT", f"apps/{other}")
    api("POST", f"apps/{other}/keys", {"key": stranger.public})
    for path in (f"apps/{other}.git", "apps/none.git", "../../etc/passwd", "apps"):
        elsewhere = f"{platform.env['GIT_SSH_URL']}/{path}"
        assert (
            "this key may not do that"
            in over_ssh(platform, tmp_path, mine.private, "ls-remote", elsewhere).stderr
        )
    wrote = over_ssh(platform, tmp_path, mine.private, "-C", str(tree), "push", url, "HEAD:refs/heads/evil")
    assert "this key may not do that" in wrote.stderr

    api("DELETE", f"apps/{repository}")
    assert "Permission denied" in over_ssh(platform, tmp_path, mine.private, "ls-remote", url).stderr


def test_ssh_gives_no_shell(api: Api, platform: Platform, repository: str, tmp_path: Path) -> None:
    mine = new_key_pair()
    api("POST", f"apps/{repository}/keys", {"key": mine.public})
    env = SshKey(mine.private, platform.state.known_hosts.read_text()).environment(tmp_path)
    host, port = platform.env["GIT_SSH_URL"].removeprefix("ssh://").split(":")
    for command in (
        [],
        ["id"],
        ["git-upload-pack '/'; id"],
        [f"git-upload-pack 'apps/{repository}.git'; id"],
    ):
        ssh = [*shlex.split(env["GIT_SSH_COMMAND"]), "-p", port, host, *command]
        done = subprocess.run(ssh, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "uid=" not in done.stdout


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 nonsense", "-----BEGIN PRIVATE KEY-----"])
def test_what_is_no_key_is_refused(api: Api, key: str) -> None:
    api("PUT", "apps/without-keys")
    status, said = api("POST", "apps/without-keys/keys", {"key": key})
    assert status == 400
    assert "not a public key" in said["error"]
