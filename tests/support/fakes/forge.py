"""A forge in memory; ``tests/contract/forge`` holds it to what the real one does."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from app_platform.contracts import names
from app_platform.git_committer import trailers
from app_platform.git_committer.ports import (
    Changes,
    Credential,
    ForgeUnavailable,
    Head,
    HeadMoved,
    Repair,
    Repository,
    RepositoryMissing,
)


@dataclass(frozen=True)
class Commit:
    """One commit with its whole tree."""

    sha: str
    message: str
    files: Mapping[str, str]
    parent: str = ""


@dataclass
class MemoryRepository:
    """Commits, the oldest first, and who may read them."""

    commits: list[Commit] = field(default_factory=list)
    readers: dict[str, str] = field(default_factory=dict)

    @property
    def sha(self) -> str:
        """Of the head; empty without a commit."""
        return self.commits[-1].sha if self.commits else ""

    @property
    def files(self) -> dict[str, str]:
        """What the head holds."""
        return dict(self.commits[-1].files) if self.commits else {}

    def add(self, changes: Changes, message: str) -> str:
        """Commit on the head."""
        kept = {path: text for path, text in self.files.items() if path not in set(changes.deletes)}
        sha = hashlib.sha1(
            f"{self.sha} {len(self.commits)} {message}".encode(), usedforsecurity=False
        ).hexdigest()
        self.commits.append(Commit(sha, message, {**kept, **changes.writes}, self.sha))
        return sha


class MemoryForge:
    """The ``Forge`` port in memory."""

    def __init__(self) -> None:
        self.repositories: dict[str, MemoryRepository] = {}
        self.away = False
        self.losing = 0
        """How many commits are made without an answer."""
        self.repairs: tuple[Repair, ...] = ()

    async def ensure(self, app: str) -> Repository:
        """See ``Forge.ensure``."""
        await self._answer()
        self.repositories.setdefault(app, MemoryRepository())
        url = f"http://forge.test/apps/{names.repository_name(app)}.git"
        return Repository(app, url, names.BRANCH, repaired=self.repairs)

    def propose(self, app: str) -> Credential:
        """See ``Forge.propose``."""
        entries = {"username": f"flux-{app}", "password": secrets.token_urlsafe(8)}
        return Credential(entries, frozenset({"password"}))

    async def allow(self, app: str, credential: Credential) -> bool:
        """See ``Forge.allow``."""
        readers = (await self._repository(app)).readers
        user, password = credential.entries["username"], credential.entries["password"]
        missing = readers.get(user) != password
        readers[user] = password
        return missing

    async def head(self, app: str, newest: str = "") -> Head:  # noqa: ARG002 - never answers with the past
        """See ``Forge.head``."""
        repository = await self._repository(app)
        return Head(repository.sha, {path: names.blob_id(text) for path, text in repository.files.items()})

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        """See ``Forge.commit``."""
        repository = await self._repository(app)
        if repository.sha != parent.sha:
            return self._made_already(repository, parent, changes)
        sha = repository.add(changes, trailers.marked(message, parent.sha, changes))
        if self.losing:
            self.losing -= 1
            raise ForgeUnavailable("the answer was lost")
        return sha

    def _made_already(self, repository: MemoryRepository, parent: Head, changes: Changes) -> str:
        head = repository.commits[-1] if repository.commits else None
        same = head and trailers.change_id_in(head.message) == trailers.change_id(parent.sha, changes)
        if head and same and head.parent == parent.sha:
            return head.sha
        raise HeadMoved(f"the branch moved past {parent.sha[:12] or 'nothing'} while committing")

    async def _repository(self, app: str) -> MemoryRepository:
        await self._answer()
        if app not in self.repositories:
            raise RepositoryMissing("the platform repository does not exist (yet)")
        return self.repositories[app]

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise ForgeUnavailable("the forge does not answer")
