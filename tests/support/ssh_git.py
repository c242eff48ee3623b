"""The local Git server's repositories over SSH, as a forge shows them: each is opened by the deploy keys that were added to it."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app_platform.local import Platform
from support.github.ssh import SshServer, ssh_server
from support.gitrepo import commit_and_push, make_repository


@dataclass
class Forge:
    """A forge on loopback.

    Attributes:
        server: Where it listens, and its host key.
        keys: Public key (kind and key) to the repository that it opens.
    """

    platform: Platform
    folder: Path
    keys: dict[str, str] = field(default_factory=dict)
    server: SshServer = field(init=False)

    def make(self, name: str) -> str:
        """An empty repository; returns its SSH URL."""
        make_repository(self.platform, name)
        return f"{self.server.url}/apps/{name}.git"

    def push(self, name: str, files: dict[str, str | None], branch: str = "main") -> str:
        """Commit files and push them; returns the commit."""
        return commit_and_push(self.platform, name, self.folder / name, files, branch)

    def add_key(self, name: str, public: str) -> None:
        """Add a deploy key to a repository, as its owner does."""
        self.keys[" ".join(public.split()[:2])] = name

    def opened_by(self, public: str) -> dict[str, Path]:
        """What a key opens."""
        name = self.keys.get(public)
        folder = self.platform.state.data / "git" / "apps" / f"{name}.git"
        return {f"apps/{name}": folder} if name else {}


@pytest.fixture(scope="session")
def forge(whole_platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """One for the run; each test makes repositories of its own in it."""
    made = Forge(whole_platform, tmp_path_factory.mktemp("pushed"))
    running, ended = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with ssh_server(made.opened_by) as server:
            made.server = server
            running.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert running.wait(30), "the SSH server does not start"
    yield made
    loop.call_soon_threadsafe(ended.set)
    thread.join(30)
    loop.close()


__all__ = ["Forge"]
