"""Runs the ``git`` program on a bare clone: fetch, list, commit, push.

Guarantees: credentials reach Git by the environment only, never by the command line, where other processes could read
them; no prompt is ever waited for; every command has a time limit; nothing is pushed by force. A commit whose push was not
answered is found again by its ``Change-Id`` and not made twice.
Leaves out: repositories that do not exist yet, which the forge's adapter makes.
"""

import asyncio
import base64
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app_platform.contracts import names
from app_platform.git_committer import trailers
from app_platform.git_committer.adapters.signing import Signer, with_signature
from app_platform.git_committer.ports import (
    Changes,
    ForgeError,
    ForgeUnavailable,
    Head,
    HeadMoved,
    RepositoryMissing,
)

_REMOTE_REF: Final = "refs/remotes/origin/main"
_NEXT_REF: Final = "refs/app-platform/next"
_MAX_TEXT: Final = 300
_LOST_RACES: Final = ("cannot lock ref", "failed to update ref", "incorrect old value", "fetch first")
"""How a remote says that another push was first (git ``refs/files-backend.c``, ``builtin/receive-pack.c``)."""


@dataclass(frozen=True)
class Author:
    """Who commits, and with which key he signs, if any."""

    name: str
    email: str
    signer: Signer | None = None


@dataclass(frozen=True)
class Remote:
    """Where a repository is and how to get in."""

    url: str
    username: str
    password: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Git's environment; its configuration variables are described in git-config, ``GIT_CONFIG_COUNT``."""
        basic = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.devnull,
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        }


class Clone:
    """One repository's bare clone on disk. Commands on it run one after the other.

    Args:
        folder: Where it is or is to be.
        remote: What it is a clone of.
        author: For commits.
        seconds: Time limit of one command.
    """

    def __init__(self, folder: Path, remote: Remote, author: Author, seconds: float) -> None:
        self._folder = folder
        self._remote = remote
        self._author = author
        self._seconds = seconds
        self._one_at_a_time = asyncio.Lock()

    async def head(self) -> Head:
        """Fetch and list the branch.

        Raises:
            ForgeUnavailable: The remote does not answer.
            RepositoryMissing: It has no such repository.
        """
        async with self._one_at_a_time:
            await self._initialise()
            if not await self._fetch():
                return Head("", {})
            sha = (await self._git("rev-parse", _REMOTE_REF)).decode().strip()
            return Head(sha, _parse_tree(await self._git("ls-tree", "-r", "-z", sha)))

    async def commit(self, parent: Head, changes: Changes, message: str) -> str:
        """Commit on ``parent`` and push without force; returns the new commit's id.

        Raises:
            HeadMoved: The remote branch has another head by now.
            ForgeUnavailable: The remote does not answer; whether it took the commit shows at the next ``head``.
        """
        async with self._one_at_a_time:
            sha = await self._make(parent, changes, trailers.marked(message, parent.sha, changes))
            try:
                await self._push(sha, parent)
            except ForgeUnavailable:
                # The answer may have been lost, or another replica made the same commit just before.
                made = await self._made_already(parent, changes)
                if not made:
                    raise
                return made
            return sha

    async def _make(self, parent: Head, changes: Changes, message: str) -> str:
        await self._git("update-ref", "-d", _NEXT_REF)
        stream = _import(self._author, parent, changes, message)
        await self._git("fast-import", "--quiet", "--date-format=now", "--force", stdin=stream)
        sha = (await self._git("rev-parse", _NEXT_REF)).decode().strip()
        return sha if self._author.signer is None else await self._signed(sha, self._author.signer)

    async def _signed(self, sha: str, signer: Signer) -> str:
        commit = await self._git("cat-file", "commit", sha)
        signed = with_signature(commit, signer.sign(commit))
        return (
            (await self._git("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed)).decode().strip()
        )

    async def _made_already(self, parent: Head, changes: Changes) -> str:
        """The head, if it is the same change on the same parent; otherwise empty."""
        try:
            if not await self._fetch():
                return ""
            text = await self._git("log", "-1", "--format=%H%n%P%n%B", _REMOTE_REF)
        except ForgeError:
            return ""
        sha, parents, message = text.decode(errors="replace").split("\n", 2)
        same = trailers.change_id_in(message) == trailers.change_id(parent.sha, changes)
        return sha if same and parents == parent.sha else ""

    async def _initialise(self) -> None:
        if not (self._folder / "HEAD").exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            await self._git("init", "--quiet", "--bare", "--initial-branch", names.BRANCH, ".")

    async def _fetch(self) -> bool:
        """Fetch the branch; returns whether it exists."""
        refspec = f"+refs/heads/{names.BRANCH}:{_REMOTE_REF}"
        code, _, err = await self._run("fetch", "--quiet", "--no-tags", self._remote.url, refspec)
        if code and "couldn't find remote ref" in err:
            return False
        if code:
            raise _refusal("fetch", err)
        return True

    async def _push(self, sha: str, parent: Head) -> None:
        # Without force, a push is a compare-and-swap: the remote takes only a descendant of the head it has.
        refspec = f"{sha}:refs/heads/{names.BRANCH}"
        code, out, err = await self._run("push", "--porcelain", "--no-verify", self._remote.url, refspec)
        if not code:
            return
        refused = next((line for line in out.splitlines() if line.startswith("!")), "")
        if "[rejected]" in refused or any(text in refused for text in _LOST_RACES):
            raise HeadMoved(f"the branch moved past {parent.sha[:12] or 'nothing'} while committing")
        if refused:
            raise ForgeError(
                f"the forge refused the commit: {_shortened(refused)}: check the branch's protection",
                reason="BranchProtected",
            )
        raise _refusal("push", err)

    async def _git(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        code, out, err = await self._raw(arguments, stdin)
        if code:
            # A clone is a cache: whatever is wrong with it (a full disk, a stale lock), the next try starts afresh.
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ForgeUnavailable(f"git {arguments[0]} failed on the local clone: {_shortened(err)}")
        return out

    async def _run(self, *arguments: str) -> tuple[int, str, str]:
        code, out, err = await self._raw(arguments, None)
        return code, out.decode(errors="replace"), err

    async def _raw(self, arguments: Sequence[str], stdin: bytes | None) -> tuple[int, bytes, str]:
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=self._folder,
            env=self._remote.environment(),
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self._seconds):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            raise ForgeUnavailable(f"git {arguments[0]} took longer than {self._seconds:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out, err.decode(errors="replace")


def _refusal(command: str, err: str) -> ForgeError:
    if "not found" in err or "does not exist" in err:
        return RepositoryMissing("the platform repository does not exist (yet)")
    if "Authentication failed" in err:
        return ForgeError(
            "the Git server refused the credential: check APP_PLATFORM_FORGE_TOKEN",
            reason="CredentialRejected",
        )
    return ForgeUnavailable(f"git {command}: {_shortened(err)}")


def _shortened(err: str) -> str:
    return " ".join(err.split())[:_MAX_TEXT]


def _parse_tree(listing: bytes) -> Mapping[str, str]:
    r"""Read ``git ls-tree -r -z``: ``<mode> <type> <id>\t<path>\0`` for each file."""
    entries = (entry.split(b"\t", 1) for entry in listing.split(b"\0") if entry)
    return {path.decode(errors="replace"): meta.split()[2].decode() for meta, path in entries}


def _import(author: Author, parent: Head, changes: Changes, message: str) -> bytes:
    """One commit as a stream for ``git fast-import`` (git-fast-import, "Input Format")."""
    who = f"{author.name} <{author.email}> now"
    lines = [f"commit {_NEXT_REF}\n".encode(), f"committer {who}\n".encode(), _data(message.encode())]
    if parent.sha:
        lines.append(f"from {parent.sha}\n".encode())
    lines += [b"D " + _quoted(path) + b"\n" for path in changes.deletes]
    lines += [
        b"M 100644 inline " + _quoted(path) + b"\n" + _data(text.encode())
        for path, text in changes.writes.items()
    ]
    return b"".join(lines) + b"\ndone\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _quoted(path: str) -> bytes:
    return b'"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").encode() + b'"'
