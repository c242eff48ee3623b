"""Registrations as the commands read them: what cannot be read is said in words, and hides no other app."""

from typing import Final

from app_platform.cli.errors import CommandError
from app_platform.contracts import Registration, names
from app_platform.kube import KubeClient, NotFound, Selector
from app_platform.kube.registrations import REGISTRATIONS, UnparsedError, all_parsed, parsed

INTENTS: Final = Selector(labels=f"{names.SECRET_INTENT_LABEL}=true")
"""Which Secrets of a platform namespace are intents."""


async def registration(client: KubeClient, app: str) -> Registration:
    """The registration of an app.

    Raises:
        CommandError: There is none, or it does not parse.
    """
    try:
        return parsed(await client.get(REGISTRATIONS, app))
    except NotFound:
        raise CommandError(f"there is no app {app!r}: see `app-platform status`") from None
    except UnparsedError as error:
        raise CommandError(str(error)) from None


async def registrations(client: KubeClient) -> tuple[list[Registration], list[UnparsedError]]:
    """All that parse, and why the others do not."""
    return all_parsed(await client.list(REGISTRATIONS))
