"""Committing files to the local Git server with real git, as the administrator."""

import base64
import json
import os
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from app_platform.kube import SECRETS, Object
from app_platform.local import Platform


def run_git(
    *arguments: str, folder: Path, user: tuple[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run git in `folder`, with nobody's own configuration, as a user of the server if one is given."""
    env = {"PATH": os.environ["PATH"], "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": os.devnull}
    env |= {
        f"GIT_{role}_{field}": "test@localhost"
        for role in ("AUTHOR", "COMMITTER")
        for field in ("NAME", "EMAIL")
    }
    if user:
        encoded = base64.b64encode(":".join(user).encode()).decode()
        env |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {encoded}",
        }
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def commit_and_push(
    platform: Platform, repository: str, tree: Path, files: Mapping[str, str | None], branch: str = "main"
) -> str:
    """Commit files (content, or none to remove one) on top of what is there, and push; returns the commit.

    Args:
        platform: whose Git server holds the repository.
        repository: its name, owner `apps`; it must exist.
        tree: the working copy; cloned when it is not there yet.
        files: content by path.
        branch: where to push.
    """
    admin = ("admin", platform.env["GIT_TOKEN"])
    if not tree.exists():
        url = f"{platform.env['GIT_URL']}/apps/{repository}.git"
        _must(run_git("clone", url, str(tree), folder=tree.parent, user=admin))
    for path, content in files.items():
        if content is None:
            (tree / path).unlink()
        else:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(content)
    _must(run_git("add", "--all", ".", folder=tree))
    _must(run_git("commit", "--allow-empty", "-m", "test", folder=tree))
    _must(run_git("push", "origin", f"HEAD:{branch}", folder=tree, user=admin))
    return run_git("rev-parse", "HEAD", folder=tree).stdout.strip()


READS_ONE = "reads-one-repository"


def make_repository(platform: Platform, name: str) -> None:
    """An empty repository of owner `apps`, which user `flux` may read with password `READS_ONE`."""
    _administer(platform, name)
    _administer(platform, f"{name}/credentials/flux", {"password": READS_ONE, "access": "read"})


def credential(name: str, namespace: str) -> Object:
    """The Secret by which Flux reads a repository of `make_repository`."""
    pairs = {"username": "flux", "password": READS_ONE}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in pairs.items()}
    return SECRETS.manifest(name, namespace, data=data)


def _administer(platform: Platform, path: str, body: Mapping[str, str] | None = None) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{platform.env['GIT_URL']}/api/repos/apps/{path}",
        json.dumps(body).encode() if body else None,
        {"Authorization": f"Bearer {platform.env['GIT_TOKEN']}"},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above


def _must(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
