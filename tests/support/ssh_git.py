"""App repositories on the local Git server, as a forge shows them: each is read over SSH by the deploy keys that were added to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from app_platform.local import Platform
from app_platform.local.git.administer import AppRepository
from support.gitrepo import commit_and_push


@dataclass(frozen=True)
class Forge:
    """The local Git server.

    Attributes:
        folder: For working copies.
    """

    platform: Platform
    folder: Path

    def make(self, name: str) -> str:
        """An empty repository; returns its SSH URL."""
        made = self._repository(name)
        made.make()
        return made.ssh_url

    def push(self, name: str, files: Mapping[str, str | None], branch: str = "main") -> str:
        """Commit files and push them; returns the commit."""
        return commit_and_push(self.platform, name, self.folder / name, files, branch)

    def add_key(self, name: str, public: str) -> None:
        """Add a deploy key to a repository, as its owner does."""
        self._repository(name).add_deploy_key(public)

    def known_hosts(self, host: str) -> str:
        """What ssh-keyscan prints for another name of the server."""
        line = self.platform.state.known_hosts.read_text().splitlines()[0]
        return line.replace("127.0.0.1", host) + "\n"

    def _repository(self, name: str) -> AppRepository:
        return AppRepository(self.platform.env, name)


@pytest.fixture(scope="session")
def forge(whole_platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Forge:
    """One for the run; each test makes repositories of its own in it."""
    return Forge(whole_platform, tmp_path_factory.mktemp("pushed"))


__all__ = ["Forge"]
