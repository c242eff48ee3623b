"""A GitRepository with its key, and a forge that adds keys, in memory."""

# ruff: noqa: ARG002 - a fake has the signature of its port

from dataclasses import dataclass, field, replace
from typing import Any

from app_platform.git_committer.ports import AppSource, ForgeError


@dataclass
class FakeSources:
    """The ``Sources`` port, of one GitRepository."""

    source: AppSource | None

    async def find(self, app: str, name: str) -> AppSource | None:
        """See the port."""
        return self.source

    async def hold(self, source: AppSource, repository: str) -> None:
        """See the port."""
        self._change(added_to=repository, held=True)

    async def say(self, source: AppSource, status: str) -> None:
        """See the port."""
        self._change(status=status)

    async def let_go(self, source: AppSource, status: str) -> None:
        """See the port."""
        self._change(added_to="", status=status, held=False)
        if self.source and self.source.deleting:
            self.source = None

    def _change(self, **changes: Any) -> None:
        assert self.source
        self.source = replace(self.source, **changes)


@dataclass
class FakeKeyForge:
    """The ``KeyForge`` port.

    Attributes:
        agreed: Repositories whose owners have agreed.
        keys: Title to key, by repository.
        broken: What every write ends with.
    """

    agreed: set[str] = field(default_factory=set)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    broken: ForgeError | None = None

    def repository(self, url: str) -> str:
        """See the port."""
        return url.removeprefix("ssh://git@github.com/") if "github.com" in url else ""

    async def refusal(self, app: str, repository: str, url: str) -> str:
        """See the port."""
        return "" if repository in self.agreed else "not agreed"

    async def add(self, repository: str, title: str, public: str) -> bool:
        """See the port."""
        self._may_break()
        there = self.keys.setdefault(repository, {})
        new = there.get(title) != public
        there[title] = public
        return new

    async def remove(self, repository: str, title: str) -> None:
        """See the port."""
        self._may_break()
        self.keys.get(repository, {}).pop(title, None)

    def _may_break(self) -> None:
        if self.broken:
            raise self.broken
