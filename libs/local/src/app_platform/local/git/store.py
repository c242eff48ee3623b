"""Repositories and their credentials on disk: `<root>/<owner>/<name>.git`, `….credentials.json` and `….keys.json` beside it.

Of a password only a salted hash is kept. It is a fast hash: passwords here are generated tokens, not words.
"""

import asyncio
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from app_platform.local.identities import write_private

Level = Literal["read", "write"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_KEYS = ".keys.json"
_SETTINGS = {
    "http.receivepack": "true",  # who may push is decided before git is asked
    "http.getanyfile": "false",  # smart HTTP only
    "receive.denyNonFastForwards": "true",
    "receive.denyDeletes": "true",
    "transfer.fsckObjects": "true",
    "core.fsync": "committed",
    "gc.autoDetach": "false",  # nothing runs on behind the server's back
}


class BadNameError(ValueError):
    """An owner, repository or user name that is not allowed."""


@dataclass(frozen=True)
class Credential:
    """One user's access to one repository."""

    username: str
    salt: str
    digest: str
    access: Level

    @classmethod
    def of(cls, username: str, password: str, access: Level) -> "Credential":
        """A credential that `accepts` this password."""
        salt = secrets.token_hex(16)
        return cls(username, salt, _digest(salt, password), access)

    def accepts(self, password: str) -> bool:
        """Whether the password is right, in constant time."""
        return hmac.compare_digest(self.digest, _digest(self.salt, password))


@dataclass(frozen=True)
class Repository:
    """One repository; it may not exist yet."""

    owner: str
    name: str
    path: Path

    @property
    def exists(self) -> bool:
        """Whether it has been created."""
        return (self.path / "HEAD").is_file()

    @property
    def _credentials_file(self) -> Path:
        return self.path.with_suffix(".credentials.json")

    def credentials(self) -> dict[str, Credential]:
        """All credentials, by user name."""
        if not self._credentials_file.exists():
            return {}
        entries = json.loads(self._credentials_file.read_text())
        return {entry["username"]: Credential(**entry) for entry in entries}

    def set_credential(self, username: str, password: str, access: Level) -> None:
        """Add or replace a user's credential; nothing is written if it is as it should be."""
        known = self.credentials()
        old = known.get(valid_name(username))
        if old and old.access == access and old.accepts(password):
            return
        known[username] = Credential.of(username, password, access)
        write_private(self._credentials_file, json.dumps([asdict(each) for each in known.values()], indent=2))

    @property
    def _keys_file(self) -> Path:
        return self.path.with_suffix(_KEYS)

    def deploy_keys(self) -> frozenset[str]:
        """The public keys that open it for reading, each as `<kind> <key>`."""
        return frozenset(json.loads(self._keys_file.read_text())) if self._keys_file.exists() else frozenset()

    def add_deploy_key(self, line: str) -> None:
        """Let a key read; nothing is written if it does already."""
        if line not in (known := self.deploy_keys()):
            write_private(self._keys_file, json.dumps(sorted({*known, line}), indent=2))

    def delete(self) -> None:
        """Remove the repository and its credentials."""
        self._credentials_file.unlink(missing_ok=True)
        self._keys_file.unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)


class Store:
    """All repositories under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._creating = asyncio.Lock()
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def repository(self, owner: str, name: str) -> Repository:
        """The repository of that name, which may not exist yet.

        Raises:
            BadNameError: the owner or name could lead elsewhere on disk.
        """
        return Repository(owner, name, self.root / valid_name(owner) / f"{valid_name(name)}.git")

    def opened_by(self, line: str) -> dict[str, Path]:
        """The repositories that a deploy key reads: folder by `<owner>/<name>`."""
        found = [file for file in self.root.glob(f"*/*{_KEYS}") if line in json.loads(file.read_text())]
        repositories = [self.repository(file.parent.name, file.name.removesuffix(_KEYS)) for file in found]
        return {f"{each.owner}/{each.name}": each.path for each in repositories if each.exists}

    async def create(self, repository: Repository) -> bool:
        """Create an empty repository with default branch `main`; false if it was there already."""
        async with self._creating:
            if repository.exists:
                return False
            # Made aside and renamed, so that a kill in between leaves nothing half made behind.
            partial = repository.path.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.parent.mkdir(parents=True, exist_ok=True)
            await _git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(partial))
            for key, value in _SETTINGS.items():
                await _git("--git-dir", str(partial), "config", key, value)
            partial.rename(repository.path)
            return True


async def is_empty(repository: Repository) -> bool:
    """Whether no branch or tag has been pushed yet."""
    return not await run_git(repository, "for-each-ref", "--count=1")


async def run_git(repository: Repository, *arguments: str) -> str:
    """The output of a Git command on a repository.

    Raises:
        OSError: it failed.
    """
    return await _git("--git-dir", str(repository.path), *arguments)


def valid_name(name: str) -> str:
    """The name itself.

    Raises:
        BadNameError: it is not made of letters, digits, `.`, `_` and `-`, or ends in `.git` or `.lock`.
    """
    if not _NAME.fullmatch(name) or name.endswith((".git", ".lock", ".partial")):
        raise BadNameError(f"{name!r} is not a name: use letters, digits, '.', '_' and '-'")
    return name


def isolated_env() -> dict[str, str]:
    """An environment for git in which nobody's own configuration, hooks or templates have a say."""
    path = os.environ.get("PATH", os.defpath)
    return {
        "PATH": path,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _digest(salt: str, password: str) -> str:
    return hashlib.sha256(f"{salt}:{password}".encode()).hexdigest()


async def _git(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "git", *arguments, env=isolated_env(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise OSError(f"git {arguments[-1]}: {errors.decode(errors='replace').strip()}")
    return output.decode()
