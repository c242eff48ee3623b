"""Opens the forge that the settings name. Each reads its own settings, and only when it is chosen."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, NamedTuple

from app_platform.git_committer.adapters.git import Author
from app_platform.git_committer.adapters.github.forge import github_forge
from app_platform.git_committer.adapters.github.login import read_keys
from app_platform.git_committer.adapters.local_forge import local_forge
from app_platform.git_committer.adapters.signing import Signer, SigningKeyError
from app_platform.git_committer.ports import Forge, KeyForge
from app_platform.git_committer.settings import GitHubSettings, LocalForgeSettings, Settings
from app_platform.runtime import Runtime, SettingsError, load


class Opened(NamedTuple):
    """A forge, and what adds keys to app repositories there, where that is done."""

    forge: Forge
    app_keys: KeyForge | None


Prepared = Callable[[Runtime], AbstractAsyncContextManager[Opened]]


def prepare(settings: Settings) -> Prepared:
    """Read and check the settings of the chosen forge; opening it is left for when the service runs.

    Raises:
        SettingsError: One is missing or wrong.
    """
    return _FORGES[settings.forge](author(settings))


def author(settings: Settings) -> Author:
    """Who commits.

    Raises:
        SettingsError: The signing key cannot be used.
    """
    if settings.signing_key_file is None:
        return Author(settings.author_name, settings.author_email)
    try:
        signer = Signer.load(settings.signing_key_file)
    except SigningKeyError as error:
        raise SettingsError(
            f"set these environment variables right: APP_PLATFORM_SIGNING_KEY_FILE: {error}"
        ) from None
    return Author(settings.author_name, settings.author_email, signer)


def _local(who: Author) -> Prepared:
    settings = load(LocalForgeSettings)

    @asynccontextmanager
    async def opened(_: Runtime) -> AsyncIterator[Opened]:
        async with local_forge(settings, who) as forge:
            yield Opened(forge, None)

    return opened


def _github(who: Author) -> Prepared:
    settings = load(GitHubSettings)
    keys = read_keys(settings)

    @asynccontextmanager
    async def opened(runtime: Runtime) -> AsyncIterator[Opened]:
        async with github_forge(settings, keys, who, runtime) as forge:
            yield Opened(forge, forge.app_keys)

    return opened


_FORGES: Final[dict[str, Callable[[Author], Prepared]]] = {"local": _local, "github": _github}
