"""Fetches a branch with `git` and packs its newest commit as an artifact.

A bare repository per GitRepository keeps what has been fetched; artifacts lie in a folder beside it, the last two of
each. Credentials reach git through its environment: never a command line, never a file.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from app_platform.local.source.status import Artifact, RefusedError, Wanted

_FETCH_SECONDS = 60.0
_KEPT = 2
# What Flux leaves out of artifacts by default and could matter here: not manifests, though some look like it.
_LEFT_OUT = (".gitignore", ".gitmodules", ".gitattributes", ".github", ".sops.yaml", ".flux.yaml")

_NOT_LET_IN = ("terminal prompts disabled", "Authentication failed", "error: 403")


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
        self, namespace: str, name: str, wanted: Wanted, credentials: tuple[str, str] | None
    ) -> Artifact:
        """Fetch the branch and make its artifact, unless that is there already.

        Args:
            namespace: of the GitRepository.
            name: of the GitRepository.
            wanted: the URL and branch.
            credentials: user name and password, if any.

        Raises:
            RefusedError: git could not fetch; the message is what git said.
        """
        repository = self._repositories / namespace / f"{name}.git"
        env = _environment(credentials)
        if not (repository / "HEAD").is_file():
            repository.parent.mkdir(parents=True, exist_ok=True)
            await _git(env, "init", "--quiet", "--bare", "--template=", str(repository))
        source = f"+refs/heads/{wanted.branch}:refs/heads/fetched"
        here = ("--git-dir", str(repository))
        await _git(env, *here, "fetch", "--quiet", "--no-tags", "--depth=1", wanted.url, source)
        commit = (await _git(env, *here, "rev-parse", "refs/heads/fetched")).decode().strip()
        path = Path("gitrepository") / namespace / name / f"{commit}.tar.gz"
        target = self.artifacts / path
        if not target.is_file():
            await self._pack(env, repository, commit, target)
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

    async def _pack(self, env: dict[str, str], repository: Path, commit: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        excluded = [f":(exclude,top){name}" for name in _LEFT_OUT]
        await _git(
            env,
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


def _environment(credentials: tuple[str, str] | None) -> dict[str, str]:
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http:https",
    }
    if credentials is None:
        return env
    encoded = base64.b64encode(":".join(credentials).encode()).decode()
    header = {"GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": f"Authorization: Basic {encoded}"}
    return env | {"GIT_CONFIG_COUNT": "1"} | header


async def _git(env: dict[str, str], *arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "git", *arguments, env=env, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(_FETCH_SECONDS):
            output, errors = await process.communicate()
    except TimeoutError as error:
        raise RefusedError("GitOperationFailed", f"git took more than {_FETCH_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        said = errors.decode(errors="replace").strip() or f"git ended with {process.returncode}"
        if any(sign in said for sign in _NOT_LET_IN):
            said = f"the server does not accept the credential: check the Secret that spec.secretRef names ({said})"
        raise RefusedError("GitOperationFailed", said)
    return output
