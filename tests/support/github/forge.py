"""The GitHub forge on the GitHub server, as a replica of git-committer opens it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from app_platform.git_committer.adapters.git import Author
from app_platform.git_committer.adapters.github.forge import GitHubForge, github_forge
from app_platform.git_committer.adapters.github.login import read_keys
from app_platform.git_committer.settings import GitHubSettings
from app_platform.runtime import Runtime
from app_platform.runtime.budget import Ledger, Limit
from support.fakes.events import Sink
from support.github.server import APP_ID, INSTALLATION_ID, ORGANIZATION, TOKEN, GitHubServer

AUTHOR = Author("App Platform", "app-platform@example.invalid")


@dataclass
class OwnBudget:
    """A budget of one process, with a clock that a test moves."""

    limits: Sequence[Limit]
    now: float = 1_000_000.0
    ledger: Ledger = field(default_factory=Ledger)
    closed: list[float] = field(default_factory=list)

    async def take(self, cost: int) -> float:
        """See ``Budget.take``."""
        wait = self.ledger.wait(self.limits, cost, self.now)
        if not wait and cost:
            self.ledger = self.ledger.spend(self.limits, cost, self.now)
        return wait

    async def close(self, seconds: float) -> None:
        """See ``Budget.close``."""
        self.closed.append(seconds)
        self.ledger = Ledger(self.ledger.spent, self.now + seconds)


def with_token(server: GitHubServer, **more: Any) -> GitHubSettings:
    """Settings for a token."""
    return GitHubSettings(
        organization=ORGANIZATION, api_url=server.url, token=TOKEN, known_hosts_file=HOSTS, **more
    )


def as_app(server: GitHubServer, folder: Path, **more: Any) -> GitHubSettings:
    """Settings for the App."""
    file = folder / "app.pem"
    file.write_text(server.private_key)
    return GitHubSettings(
        organization=ORGANIZATION,
        api_url=server.url,
        app_id=APP_ID,
        installation_id=INSTALLATION_ID,
        private_key_file=file,
        known_hosts_file=HOSTS,
        **more,
    )


HOSTS = Path(__file__).with_name("known_hosts")
"""The server is at 127.0.0.1, so this names it, as for an Enterprise server."""


@asynccontextmanager
async def opened(
    settings: GitHubSettings, author: Author = AUTHOR, budgets: dict[str, OwnBudget] | None = None
) -> AsyncIterator[GitHubForge]:
    """A forge with budgets of its own, by which limit they are for: ``writes`` and ``points``."""
    made = {} if budgets is None else budgets

    def budget_of(_name: str, limits: Sequence[Limit], kind: str) -> OwnBudget:
        return made.setdefault(kind, OwnBudget(limits))

    async def never() -> None:
        return None

    def unused(*_: object) -> NoReturn:
        raise AssertionError("the forge has no use for this")

    runtime = Runtime(Sink(), never, budget_of, unused, unused)
    async with github_forge(settings, read_keys(settings), author, runtime) as forge:
        yield forge
