"""A forge in memory; ``tests/contract/forge`` holds it to what the real one does."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from app_platform.contracts import names
from app_platform.git_committer.ports import (
    Changes,
    Credential,
    ForgeUnavailable,
    Head,
    HeadMoved,
    Repository,
    RepositoryMissing,
)


@dataclass(frozen=True)
class Commit:
    """One commit with its whole tree."""

    sha: str
    message: str
    files: Mapping[str, str]


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
        self.commits.append(Commit(sha, message, {**kept, **changes.writes}))
        return sha


class MemoryForge:
    """The ``Forge`` port in memory."""

    def __init__(self) -> None:
        self.repositories: dict[str, MemoryRepository] = {}
        self.away = False

    async def ensure(self, app: str) -> Repository:
        """See ``Forge.ensure``."""
        await self._answer()
        self.repositories.setdefault(app, MemoryRepository())
        return Repository(app, f"http://forge.test/apps/{names.repository_name(app)}.git", names.BRANCH)

    async def allow(self, app: str, credential: Credential) -> None:
        """See ``Forge.allow``."""
        (await self._repository(app)).readers[credential.username] = credential.password

    async def head(self, app: str) -> Head:
        """See ``Forge.head``."""
        repository = await self._repository(app)
        return Head(repository.sha, {path: names.blob_id(text) for path, text in repository.files.items()})

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        """See ``Forge.commit``."""
        repository = await self._repository(app)
        if repository.sha != parent.sha:
            raise HeadMoved(f"the branch moved past {parent.sha[:12] or 'nothing'} while committing")
        return repository.add(changes, message)

    async def _repository(self, app: str) -> MemoryRepository:
        await self._answer()
        if app not in self.repositories:
            raise RepositoryMissing("the platform repository does not exist (yet)")
        return self.repositories[app]

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise ForgeUnavailable("the forge does not answer")
