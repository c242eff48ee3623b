"""An app's platform repository, cloned with the credential that Flux has for it, for as long as a command needs it."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app_platform.cli.errors import CommandError
from app_platform.contracts import Registration, names
from app_platform.gitread import Clone, CredentialError, GitError, cloned, credential
from app_platform.kube import SECRETS, Forbidden, KubeClient, NotFound


@asynccontextmanager
async def platform_repository(client: KubeClient, registration: Registration) -> AsyncIterator[Clone]:
    """A clone with the whole history, gone at the end.

    Raises:
        CommandError: There is no repository yet, or it cannot be read; the text says which right or entry is missing.
    """
    repository = registration.status.repository
    if not repository.url:
        raise CommandError(
            f"{registration.name}: its platform repository has not been made yet: see RepositoryReady"
        )
    data = await _credential(client, registration)
    with tempfile.TemporaryDirectory(prefix="app-platform-") as folder:
        try:
            let_in = credential(repository.url, names.GIT_CREDENTIAL_SECRET, data)
            yield await cloned(repository.url, repository.branch, let_in, Path(folder))
        except (CredentialError, GitError) as error:
            raise CommandError(f"{registration.name}: {error}") from None


async def _credential(client: KubeClient, registration: Registration) -> dict[str, str]:
    home = registration.platform_namespace
    try:
        secret = await client.get(SECRETS, names.GIT_CREDENTIAL_SECRET, home)
    except Forbidden:
        raise CommandError(f"this needs the right to get secrets in {home}") from None
    except NotFound:
        raise CommandError(f"Secret {names.GIT_CREDENTIAL_SECRET} is missing in {home}") from None
    return secret.get("data") or {}
