"""A bare clone in a folder of the caller's: files of a commit, commits of the branch, contents by the thousand.

Formats are those of git-log (``--name-status -z``), git-ls-tree and git-cat-file (``--batch``).
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from app_platform.gitread.credentials import Credential
from app_platform.gitread.program import GitError, run_git

_AT_ONCE: Final = 500
"""Contents asked for at a time, so that a long history is never in memory as a whole."""
_HEADER: Final = "%x01%H%x00%P%x00%aI%x00%an <%ae>%x00%B%x00"
_ENVIRONMENT: Final = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
}


@dataclass(frozen=True)
class Changed:
    """A file that a commit changed.

    Attributes:
        status: ``A`` added, ``M`` modified, ``D`` deleted.
    """

    status: str
    path: str


@dataclass(frozen=True)
class Commit:
    """A commit and what it changed against its first parent.

    Attributes:
        time: Of the author.
        author: Name and e-mail address.
    """

    sha: str
    parents: tuple[str, ...]
    time: datetime
    author: str
    message: str
    changed: tuple[Changed, ...]


async def cloned(url: str, branch: str, credential: Credential | None, folder: Path) -> "Clone":
    """Fetch a branch with its whole history into an empty folder.

    Raises:
        GitError: git could not; the text says why and holds no credential.
    """
    repository = folder / "repository.git"
    env = _ENVIRONMENT | (credential.environment(folder) if credential else {})
    await run_git(env, "init", "--quiet", "--bare", "--template=", str(repository))
    clone = Clone(repository)
    await clone.run("fetch", "--quiet", "--no-tags", url, f"+refs/heads/{branch}:refs/heads/read", env=env)
    return clone


class Clone:
    """What was fetched.

    Args:
        repository: The bare repository.
        ref: The branch in it.
    """

    def __init__(self, repository: Path, ref: str = "refs/heads/read") -> None:
        self._repository, self._ref = repository, ref

    async def head(self) -> str:
        """The newest commit."""
        return (await self.run("rev-parse", "--verify", self._ref)).decode().strip()

    async def files(self, commit: str, under: str) -> dict[str, str]:
        """Path to content of every file under a folder; what is not UTF-8 has replacement characters."""
        listed = await self.run("ls-tree", "-r", "-z", "--name-only", commit, under)
        paths = [path for path in listed.decode().split("\0") if path]
        contents = await self.contents([f"{commit}:{path}" for path in paths])
        return {path: text for path, text in zip(paths, contents, strict=True) if text is not None}

    async def commits(self, under: str) -> list[Commit]:
        """Every commit that changed something under a folder, oldest first."""
        options = ("--reverse", "--first-parent", "-m", "--no-renames", "--name-status", "-z")
        text = await self.run("log", *options, f"--format={_HEADER}", self._ref, "--", under)
        return [_commit(part) for part in text.decode(errors="replace").split("\x01")[1:]]

    async def contents(self, names: Sequence[str]) -> list[str | None]:
        """The contents of objects (``<commit>:<path>``), in order; ``None`` for what is not there."""
        found: list[str | None] = []
        for start in range(0, len(names), _AT_ONCE):
            found += await self._some(names[start : start + _AT_ONCE])
        return found

    async def _some(self, names: Sequence[str]) -> list[str | None]:
        if any("\n" in name for name in names):
            raise GitError("a path with a line break cannot be read")
        asked = "".join(f"{name}\n" for name in names).encode()
        answer = await self.run("cat-file", "--batch", given=asked)
        return list(_contents(answer, len(names)))

    async def run(self, *arguments: str, env: dict[str, str] = _ENVIRONMENT, given: bytes = b"") -> bytes:
        """Output of a git command on this repository.

        Raises:
            GitError: It ended with another status than 0.
        """
        return await run_git(env, "--git-dir", str(self._repository), *arguments, given=given)


def _commit(text: str) -> Commit:
    sha, parents, time, author, message, rest = text.split("\0", 5)
    fields = [field for field in rest.strip("\n").split("\0") if field]
    changed = tuple(
        Changed(status.strip()[:1], path) for status, path in zip(fields[::2], fields[1::2], strict=True)
    )
    return Commit(sha, tuple(parents.split()), datetime.fromisoformat(time), author, message, changed)


def _contents(answer: bytes, count: int) -> Iterable[str | None]:
    position = 0
    for _ in range(count):
        end = answer.index(b"\n", position)
        header = answer[position:end].rsplit(b" ", 2)
        position = end + 1
        if len(header) != 3 or header[1] != b"blob":  # noqa: PLR2004 - object, type, size; or "<name> missing"
            yield None
            continue
        size = int(header[2])
        yield answer[position : position + size].decode(errors="replace")
        position += size + 1
