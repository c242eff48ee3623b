"""The platform repository as a person with Git, sops and the app's key sees it: clone, log, changed lines, decrypt.

Guarantees: real `git` and `sops`; nobody's own Git configuration is used, and no credential is on a command line.
"""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app_platform.local.demo.report import DemoError

_LINE: Final = re.compile(r"^[+-]\s+([A-Za-z0-9._-]+):", re.MULTILINE)
_UNSEALED: Final = frozenset({"lastmodified", "mac"})


@dataclass
class Repository:
    """A working copy.

    Attributes:
        folder: where it lies, once cloned.
        sops: path of the sops program.
        url: of the repository.
    """

    folder: Path
    sops: Path
    url: str = ""
    _authorization: Mapping[str, str] = field(default_factory=dict, repr=False)

    def clone(self, url: str, username: str, password: str) -> None:
        """Clone with the app's own credential.

        Raises:
            DemoError: as `git` says.
        """
        encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
        self.url = url
        self._authorization = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {encoded}",
        }
        run(["git", "clone", "--quiet", url, str(self.folder)], env=self._env())

    def is_private(self, url: str) -> bool:
        """Whether the server refuses somebody without a credential."""
        try:
            run(["git", "ls-remote", url], env=_git_env())
        except DemoError:
            return True
        return False

    def pull(self) -> str:
        """Follow the branch, which is possible only if nobody rewrote it; returns the head."""
        self.git("pull", "--quiet", "--ff-only")
        return self.head()

    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    def commits_since(self, sha: str) -> int:
        """How many commits came after one."""
        return int(self.git("rev-list", "--count", f"{sha}..HEAD"))

    def files(self) -> set[str]:
        """Paths of the SOPS files."""
        return {path for path in self.git("ls-files", "secrets").split() if path.endswith(".yaml")}

    def git(self, *arguments: str) -> str:
        """Output of a git command in the working copy."""
        return run(["git", *arguments], env=self._env(), folder=self.folder)

    def changed_keys(self, before: str, path: str) -> tuple[set[str], set[str]]:
        """Keys of the lines that were removed and of those that were added since a commit; see `keys_of_lines`."""
        return keys_of_lines(self.git("diff", "--unified=0", before, "HEAD", "--", path))

    def decrypt(self, path: str, age_key: str) -> dict[str, str]:
        """The values of a file, decrypted by the sops program with the app's key."""
        command = [str(self.sops), "decrypt", "--output-type", "json", path]
        content = json.loads(run(command, env=_git_env() | {"SOPS_AGE_KEY": age_key}, folder=self.folder))
        return {key: base64.b64decode(value).decode() for key, value in content["data"].items()}

    def holds_any(self, values: Iterable[str]) -> bool:
        """Whether any object of the repository, in any commit, holds one of the values, plain or in base64."""
        objects = self.git("log", "--all", "--patch", "--format=raw")
        return any(form in objects for value in values for form in (value, _base64(value)))

    def _env(self) -> dict[str, str]:
        return _git_env() | dict(self._authorization)


def keys_of_lines(diff: str) -> tuple[set[str], set[str]]:
    """The YAML keys of the removed and of the added lines of a diff, without those that sops writes at every change."""
    removed, added = (
        {match.group(1) for match in _LINE.finditer(diff) if match.group(0)[0] == sign} - _UNSEALED
        for sign in "-+"
    )
    return removed, added


def run(command: list[str], *, env: Mapping[str, str], folder: Path | None = None) -> str:
    """Run a program; returns what it printed.

    Raises:
        DemoError: it failed; with what it said.
    """
    # S603: programs and arguments are ours.
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        name = Path(command[0]).name
        raise DemoError(f"{name} {command[1]}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout


def _git_env() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_PAGER": "cat"}


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
