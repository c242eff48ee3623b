"""Committing files to the local Git server with real git, as the administrator."""

import base64
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

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


def _must(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
