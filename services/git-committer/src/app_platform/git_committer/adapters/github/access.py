"""How Flux gets into a platform repository on GitHub: by a deploy key of its own, or as a GitHub App that only reads.

A deploy key opens one repository, and is read-only (https://docs.github.com/rest/deploy-keys/deploy-keys). Its private half is
made here, stored in the app's ``git-credential`` and nowhere else. With an App there is one key for all repositories, which
lies in every platform namespace: it must be another App than ours, with no more than ``contents: read``; for organisations that
forbid deploy keys. Entries of the Secret: https://fluxcd.io/flux/components/source/gitrepositories/ ("SSH authentication", "GitHub").
"""

import re
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from app_platform.git_committer.adapters.github import keys
from app_platform.git_committer.adapters.github.api import GitHubApi
from app_platform.git_committer.adapters.github.states import State
from app_platform.git_committer.ports import Credential, ForgeError
from app_platform.gitread import new_key_pair

_TITLE: Final = "App Platform: Flux, read only"
_SCP: Final = re.compile(r"^(?P<user>[^@/]+)@(?P<host>[^:/]+):(?P<path>[^/].*)$")
_RANDOM: Final = frozenset({"identity", "identity.pub"})


class Access(Protocol):
    """One way in."""

    @property
    def provider(self) -> Literal["generic", "github"]:
        """``spec.provider`` of a GitRepository."""
        ...

    def url(self, state: State) -> str:
        """Of the repository, as Flux takes it."""
        ...

    def propose(self) -> Credential:
        """See ``Forge.propose``."""
        ...

    async def allow(self, repository: str, credential: Credential) -> bool:
        """See ``Forge.allow``; the repository is its path in the API."""
        ...


class DeployKeys:
    """A deploy key per repository.

    Args:
        api: To GitHub.
        known_hosts: Host keys by which Flux knows GitHub.
    """

    provider: Literal["generic", "github"] = "generic"

    def __init__(self, api: GitHubApi, known_hosts: str) -> None:
        self._api = api
        self._known_hosts = known_hosts

    def url(self, state: State) -> str:
        """With a scheme, as Flux takes no other."""
        return ssh_url(state.ssh_url)

    def propose(self) -> Credential:
        """A new key pair."""
        pair = new_key_pair()
        entries = {"identity": pair.private, "identity.pub": pair.public, "known_hosts": self._known_hosts}
        return Credential(entries, _RANDOM)

    async def allow(self, repository: str, credential: Credential) -> bool:
        """Have the key there, for reading only, and no other of ours."""
        try:
            return await keys.have(self._api, repository, _TITLE, credential.entries["identity.pub"])
        except ForgeError as error:
            advice = _ADVICE.get(error.reason)
            if advice is None:
                raise
            raise ForgeError(f"{error}: {advice}", reason=error.reason) from None


_ADVICE: Final = {
    keys.IN_USE: "delete Secret git-credential of the platform namespace: another key is made at the next round",
    keys.REFUSED: "allow deploy keys in the organisation, or use APP_PLATFORM_GITHUB_FLUX_CREDENTIAL=app",
}


@dataclass(frozen=True)
class ReadingApp:
    """A GitHub App for Flux.

    Attributes:
        api_url: Of GitHub's API; Flux asks there for tokens.
    """

    app_id: int
    installation_id: int
    private_key: str = field(repr=False)
    api_url: str = ""
    provider: Literal["generic", "github"] = "github"

    def url(self, state: State) -> str:
        """By HTTPS, as tokens go."""
        return state.clone_url

    def propose(self) -> Credential:
        """The same for all."""
        entries = {
            "githubAppID": str(self.app_id),
            "githubAppInstallationID": str(self.installation_id),
            "githubAppPrivateKey": self.private_key,
        }
        return Credential({**entries, "githubAppBaseURL": self.api_url} if self.api_url else entries)

    async def allow(self, repository: str, credential: Credential) -> bool:  # noqa: ARG002 - the port's
        """Whoever installed the App has said what it may read."""
        return False


def ssh_url(url: str) -> str:
    """``git@host:path`` as ``ssh://git@host/path``; what has a scheme stays."""
    found = _SCP.match(url)
    return "ssh://{user}@{host}/{path}".format(**found.groupdict()) if found else url
