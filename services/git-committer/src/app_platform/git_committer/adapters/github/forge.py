"""The ``github`` forge: private repositories of an organisation, behind the ``Forge`` port.

Guarantees: a repository that exists is used only when it carries the topic ``app-platform`` or is empty. Looking whether all is
right takes three conditional reads (repository, deploy keys, head), which GitHub does not count while nothing has changed.
Leaves out: webhooks (``adapters/webhooks.py``), and rights of people on the repositories, which the organisation gives.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

from app_platform.contracts import names
from app_platform.git_committer.adapters.git import Author
from app_platform.git_committer.adapters.github import login, states
from app_platform.git_committer.adapters.github.access import Access
from app_platform.git_committer.adapters.github.api import Budgets, GitHubApi, github_api
from app_platform.git_committer.adapters.github.app_keys import GitHubAppKeys
from app_platform.git_committer.adapters.github.commits import Committer
from app_platform.git_committer.adapters.github.reading import Reader
from app_platform.git_committer.adapters.github.states import Mend, State
from app_platform.git_committer.ports import (
    Changes,
    Credential,
    ForgeError,
    ForgeUnavailable,
    Head,
    Repair,
    Repository,
)
from app_platform.git_committer.settings import GitHubSettings
from app_platform.runtime import Runtime
from app_platform.runtime.budget import Limit

_MINUTE: Final = 60
_HOUR: Final = 3600
_AGAIN: Final = 30.0


class GitHubForge:
    """The ``Forge`` port on GitHub.

    Args:
        api: To GitHub.
        organization: Owner of the repositories.
        access: How Flux gets in.
        author: For commits.

    Attributes:
        app_keys: Adds deploy keys to app repositories.
    """

    def __init__(self, api: GitHubApi, organization: str, access: Access, author: Author) -> None:
        self._api = api
        self._organization = organization
        self._access = access
        self._reader = Reader(api, self._path)
        self._committer = Committer(api, self._reader, self._path, author)
        self.app_keys = GitHubAppKeys(api, organization)

    async def ensure(self, app: str) -> Repository:
        """See ``Forge.ensure``."""
        answer = await self._api.get(self._path(app), State.of)
        state = await self._create(app) if answer.status == HTTPStatus.NOT_FOUND else answer.value
        refusal = states.refusal(state, self._organization, app)
        if refusal is not None:
            raise refusal
        if not state.marked:
            await self._adopt(app, state)
        told = [repair for mend in states.mends(state) if (repair := await self._mend(app, mend))]
        return Repository(
            app, self._access.url(state), names.BRANCH, self._access.provider, repaired=tuple(told)
        )

    def propose(self, app: str) -> Credential:  # noqa: ARG002 - the same kind for all
        """See ``Forge.propose``."""
        return self._access.propose()

    async def allow(self, app: str, credential: Credential) -> bool:
        """See ``Forge.allow``."""
        return await self._access.allow(self._path(app), credential)

    async def head(self, app: str, newest: str = "") -> Head:
        """See ``Forge.head``."""
        return (await self._reader.read(app, newest)).head

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        """See ``Forge.commit``."""
        return await self._committer.commit(app, parent, changes, message)

    def _path(self, app: str) -> str:
        return f"/repos/{self._organization}/{names.repository_name(app)}"

    async def _create(self, app: str) -> State:
        """Make the repository (https://docs.github.com/rest/repos/repos#create-an-organization-repository)."""
        answer = await self._api.write("POST", f"/orgs/{self._organization}/repos", _new(app))
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and "already exists" in str(answer.error):
            text = f"{answer.error}: it is just being made, or the credential may not see it: let it see all repositories"
            raise ForgeUnavailable(text, reason="RepositoryHidden", after=_AGAIN)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ForgeError(
                f"GitHub has no organisation {self._organization}, or the credential may not see it: "
                "check APP_PLATFORM_GITHUB_ORGANIZATION",
                reason="OrganizationMissing",
            )
        self._reader.forget(app)
        return State.of(answer.value)

    async def _adopt(self, app: str, state: State) -> None:
        """Mark a repository as the platform's, if it is empty."""
        branches = await self._api.get_now(f"{self._path(app)}/branches?per_page=1")
        if branches.value:
            raise states.foreign(state)
        topics = {"names": [*state.topics, states.TOPIC]}
        _ = (await self._api.write("PUT", f"{self._path(app)}/topics", topics)).value

    async def _mend(self, app: str, mend: Mend) -> Repair | None:
        answer = await self._api.write("PATCH", self._path(app), mend.settings)
        if answer.error is None:
            return mend.repair
        if mend.needed:
            raise ForgeError(f"{answer.error}: set it so by hand: {dict(mend.settings)}", reason=mend.reason)
        # A default branch can only be one that is there; before the first commit, none is.
        return None


def _new(app: str) -> dict[str, Any]:
    return {
        "name": names.repository_name(app),
        "description": f"Platform repository of {app}; written by the App Platform, deployed by Flux",
        "private": True,
        "visibility": "private",
        "has_issues": False,
        "has_projects": False,
        "has_wiki": False,
        "auto_init": False,
    }


@asynccontextmanager
async def github_forge(
    settings: GitHubSettings, keys: login.Keys, author: Author, runtime: Runtime
) -> AsyncIterator[GitHubForge]:
    """A forge whose threads end with the context."""
    budgets = _budgets(settings, runtime)
    async with github_api(settings.api_url, login.login(settings, keys), budgets, settings.timeout) as api:
        access = login.access(settings, keys, api)
        yield GitHubForge(api, settings.organization, access, author)


def _budgets(settings: GitHubSettings, runtime: Runtime) -> Budgets:
    credential = login.budget_name(settings)
    writes = [Limit(settings.writes_per_minute, _MINUTE), Limit(settings.writes_per_hour, _HOUR)]
    points = [Limit(settings.points_per_minute, _MINUTE)]
    return Budgets(
        runtime.budget(credential, writes, "writes"),
        runtime.budget(f"{credential}/points", points, "points"),
    )
