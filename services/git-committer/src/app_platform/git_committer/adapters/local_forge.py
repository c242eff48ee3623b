"""The ``local`` forge: bare repositories behind a Git server with smart HTTP and a small administration API.

Guarantees: repositories are private: only the administrator and the credential given by ``allow`` get in.
Leaves out: webhooks and everything else a hosted forge has. The API is that of ``app_platform.local``'s Git server.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp

from app_platform.contracts import names
from app_platform.git_committer.adapters.git import Author, Clone, Remote
from app_platform.git_committer.ports import (
    Changes,
    Credential,
    ForgeError,
    ForgeUnavailable,
    Head,
    Repository,
    RepositoryMissing,
)
from app_platform.git_committer.settings import LocalForgeSettings

_ADMIN: Final = "admin"
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = 401


class LocalForge:
    """The ``Forge`` port on a local Git server.

    Args:
        http: For the administration API.
        settings: Where the server is.
        author: For commits.
        folder: For clones.
    """

    def __init__(
        self, http: aiohttp.ClientSession, settings: LocalForgeSettings, author: Author, folder: Path
    ) -> None:
        self._http = http
        self._base = settings.forge_url.rstrip("/")
        self._owner = settings.forge_owner
        self._token = settings.forge_token
        self._author = author
        self._seconds = settings.forge_timeout
        self._folder = folder
        self._clones: dict[str, Clone] = {}

    async def ensure(self, app: str) -> Repository:
        """See ``Forge.ensure``."""
        await self._call("PUT", self._api(app))
        return Repository(app, self._url(app), names.BRANCH)

    def propose(self, app: str) -> Credential:
        """See ``Forge.propose``: a user name and a password."""
        entries = {"username": f"flux-{app}", "password": secrets.token_urlsafe(32)}
        return Credential(entries, frozenset({"password"}))

    async def allow(self, app: str, credential: Credential) -> bool:
        """See ``Forge.allow``; the server does not tell whether it knew the credential."""
        user = credential.entries["username"]
        body = {"password": credential.entries["password"], "access": "read"}
        await self._call("PUT", f"{self._api(app)}/credentials/{user}", body)
        return False

    async def head(self, app: str, newest: str = "") -> Head:  # noqa: ARG002 - this server never answers with the past
        """See ``Forge.head``."""
        return await self._clone(app).head()

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        """See ``Forge.commit``."""
        return await self._clone(app).commit(parent, changes, message)

    def _url(self, app: str) -> str:
        return f"{self._base}/{self._owner}/{names.repository_name(app)}.git"

    def _api(self, app: str) -> str:
        return f"{self._base}/api/repos/{self._owner}/{names.repository_name(app)}"

    def _clone(self, app: str) -> Clone:
        if app not in self._clones:
            remote = Remote(self._url(app), _ADMIN, self._token.get_secret_value())
            self._clones[app] = Clone(self._folder / f"{app}.git", remote, self._author, self._seconds)
        return self._clones[app]

    async def _call(self, method: str, url: str, body: dict[str, Any] | None = None) -> None:
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"}
        try:
            async with self._http.request(method, url, json=body, headers=headers) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ForgeUnavailable(f"the Git server does not answer: {type(error).__name__}") from error
        if status >= _SERVER_ERROR:
            raise ForgeUnavailable(f"the Git server answered {status}")
        if status == _NOT_FOUND:
            raise RepositoryMissing("the platform repository does not exist (yet)")
        if status >= _CLIENT_ERROR:
            raise ForgeError(
                f"the Git server refused with {status}: check APP_PLATFORM_FORGE_TOKEN and the owner's name",
                reason="CredentialRejected" if status == _UNAUTHORIZED else "",
            )


@asynccontextmanager
async def local_forge(settings: LocalForgeSettings, author: Author) -> AsyncIterator[LocalForge]:
    """A forge whose clones live as long as the context, unless a folder for them is set."""
    timeout = aiohttp.ClientTimeout(total=settings.forge_timeout)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        if settings.cache_dir is not None:
            yield LocalForge(http, settings, author, settings.cache_dir)
            return
        with TemporaryDirectory(prefix="git-committer-") as folder:
            yield LocalForge(http, settings, author, Path(folder))
