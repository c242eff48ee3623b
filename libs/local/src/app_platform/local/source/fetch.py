"""Fetches a branch with `git` and packs its newest commit as an artifact.

A bare repository per GitRepository keeps what has been fetched; artifacts lie in a folder beside it, the last two of
each. A password reaches git through its environment; an SSH key through a file that only its owner may read, for as long as the
fetch takes, as OpenSSH takes it in no other way.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from app_platform.gitread import Credential, GitError, run_git
from app_platform.local.source.status import Artifact, RefusedError, Wanted

_FETCH_SECONDS = 60.0
_KEPT = 2
# What Flux leaves out of artifacts by default and could matter here: not manifests, though some look like it.
_LEFT_OUT = (".gitignore", ".gitmodules", ".gitattributes", ".github", ".sops.yaml", ".flux.yaml")

_NOT_LET_IN = (
    "terminal prompts disabled",
    "Authentication failed",
    "error: 403",
    "Permission denied (publickey)",
)
_UNKNOWN_HOST = "Host key verification failed"


class Fetcher:
    """Fetches into one folder.

    Args:
        root: for repositories and artifacts.
        base_url: under which `root/artifacts` is served.
    """

    def __init__(self, root: Path, base_url: str) -> None:
        self.artifacts = root / "artifacts"
        self._repositories = root / "repositories"
        self._base_url = base_url

    async def fetch(
        self, namespace: str, name: str, wanted: Wanted, credential: Credential | None
    ) -> Artifact:
        """Fetch the branch and make its artifact, unless that is there already.

        Args:
            namespace: of the GitRepository.
            name: of the GitRepository.
            wanted: the URL and branch.
            credential: by which the server lets in, if it asks for one.

        Raises:
            RefusedError: git could not fetch; the message is what git said.
        """
        repository = self._repositories / namespace / f"{name}.git"
        with tempfile.TemporaryDirectory() as folder:
            env = _ENVIRONMENT | (credential.environment(Path(folder)) if credential else {})
            commit = await _newest(env, repository, wanted)
        path = Path("gitrepository") / namespace / name / f"{commit}.tar.gz"
        target = self.artifacts / path
        if not target.is_file():
            await self._pack(repository, commit, target)
        content = target.read_bytes()
        return Artifact(
            path=str(path),
            url=f"{self._base_url}/{path}",
            digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
            revision=f"{wanted.branch}@sha1:{commit}",
            size=len(content),
        )

    def forget(self, namespace: str, name: str) -> None:
        """Remove everything of a GitRepository that is gone."""
        shutil.rmtree(self._repositories / namespace / f"{name}.git", ignore_errors=True)
        shutil.rmtree(self.artifacts / "gitrepository" / namespace / name, ignore_errors=True)

    async def _pack(self, repository: Path, commit: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        excluded = [f":(exclude,top){name}" for name in _LEFT_OUT]
        await _git(
            _ENVIRONMENT,
            "--git-dir",
            str(repository),
            "archive",
            "--format=tar.gz",
            "-o",
            str(partial),
            commit,
            ".",
            *excluded,
        )
        partial.replace(target)
        by_age = sorted(target.parent.glob("*.tar.gz"), key=lambda file: file.stat().st_mtime_ns)
        for old in by_age[:-_KEPT]:
            old.unlink(missing_ok=True)


_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "http:https:ssh",
}


async def _newest(env: dict[str, str], repository: Path, wanted: Wanted) -> str:
    """Fetch the branch; returns its commit."""
    if not (repository / "HEAD").is_file():
        repository.parent.mkdir(parents=True, exist_ok=True)
        await _git(env, "init", "--quiet", "--bare", "--template=", str(repository))
    source = f"+refs/heads/{wanted.branch}:refs/heads/fetched"
    here = ("--git-dir", str(repository))
    await _git(env, *here, "fetch", "--quiet", "--no-tags", "--depth=1", wanted.url, source)
    return (await _git(env, *here, "rev-parse", "refs/heads/fetched")).decode().strip()


async def _git(env: dict[str, str], *arguments: str) -> bytes:
    try:
        return await run_git(env, *arguments, seconds=_FETCH_SECONDS)
    except GitError as error:
        raise RefusedError("GitOperationFailed", _told(str(error))) from error


def _told(said: str) -> str:
    """What git said, with what to do where that is known."""
    if _UNKNOWN_HOST in said:
        return f"the server's host key is not in known_hosts of the Secret that spec.secretRef names ({said})"
    if any(sign in said for sign in _NOT_LET_IN):
        return (
            f"the server does not accept the credential: check the Secret that spec.secretRef names ({said})"
        )
    return said
