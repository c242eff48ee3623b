"""App repositories on GitHub: who agreed that the platform adds deploy keys, and the keys (port ``KeyForge``).

The platform's credential may change every repository of the organisation, so its owner's consent is asked for: topic
``app-platform-<app>`` on the repository, which only those may set who maintain it
(https://docs.github.com/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles). Taking the topic
off withdraws it. Guarantees: no key is added to a repository of the platform itself, of another organisation, or without that topic.
Leaves out: apps whose name makes the topic longer than GitHub allows; their keys are added by hand.
"""

from http import HTTPStatus
from typing import Final

from app_platform.contracts import git_urls
from app_platform.git_committer.adapters.github import keys
from app_platform.git_committer.adapters.github.api import GitHubApi
from app_platform.git_committer.adapters.github.states import TOPIC, State
from app_platform.git_committer.ports import ForgeError, RepositoryMissing

_LONGEST_TOPIC: Final = 50
"""Characters (https://docs.github.com/repositories/classifying-your-repository-with-topics, "About topics")."""
_BY_HAND: Final = "add the key by hand"


class GitHubAppKeys:
    """The ``KeyForge`` port on GitHub.

    Args:
        api: To GitHub.
        organization: Whose repositories the credential is for.
    """

    def __init__(self, api: GitHubApi, organization: str) -> None:
        self._api, self._organization = api, organization

    def repository(self, url: str) -> str:
        """See ``KeyForge.repository``; whether the host is GitHub's, ``refusal`` finds out."""
        by_ssh = git_urls.for_flux(url).startswith("ssh://")
        owner, _, name = git_urls.identity(url).partition("/")[2].partition("/")
        ours = owner == self._organization.lower() and name and "/" not in name
        return f"{owner}/{name}" if by_ssh and ours else ""

    async def refusal(self, app: str, repository: str, url: str) -> str:
        """See ``KeyForge.refusal``."""
        topic = f"{TOPIC}-{app}"
        if len(topic) > _LONGEST_TOPIC:
            return f"{app} is too long a name for a topic on GitHub: {_BY_HAND}"
        answer = await self._api.get(_path(repository), State.of)
        if answer.status in _NOT_SEEN:
            return (
                f"the platform sees no repository {repository} on GitHub: check the URL, have the platform's App "
                f"installed on the repository, or {_BY_HAND}"
            )
        return _why_not(answer.value, topic, url)

    async def add(self, repository: str, title: str, public: str) -> bool:
        """See ``KeyForge.add``."""
        try:
            return await keys.have(self._api, _path(repository), title, public)
        except ForgeError as error:
            advice = _ADVICE.get(error.reason)
            if advice is None:
                raise
            raise ForgeError(f"{error}: {advice}", reason=error.reason) from None

    async def remove(self, repository: str, title: str) -> None:
        """See ``KeyForge.remove``."""
        try:
            await keys.take_off(self._api, _path(repository), title)
        except RepositoryMissing:
            return


def _why_not(state: State, topic: str, url: str) -> str:
    if git_urls.identity(state.ssh_url) != git_urls.identity(url):
        return f"the platform adds keys on its own GitHub only: {_BY_HAND}"
    if state.marked:
        return f"{state.owner}/{state.name} is a platform repository: name your app repository"
    if state.archived:
        return f"{state.owner}/{state.name} is archived: unarchive it in its settings"
    if topic not in state.topics:
        return (
            f"to have the platform add the key, give {state.owner}/{state.name} the topic {topic} on GitHub and press "
            f"Reconcile now; or {_BY_HAND}"
        )
    return ""


def _path(repository: str) -> str:
    return f"/repos/{repository}"


_NOT_SEEN: Final = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
_ADVICE: Final = {
    keys.IN_USE: "it is a key of another repository already: make another key",
    keys.REFUSED: "allow deploy keys in the organisation",
    "PermissionMissing": _BY_HAND,
}
