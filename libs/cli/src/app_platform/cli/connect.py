"""Opens the event history for a command, with errors that say what to set."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit

import typer

from app_platform.contracts.subjects import SubjectError
from app_platform.runtime import RuntimeSettings, SettingsError, load
from app_platform.runtime.connection import connected
from app_platform.runtime.consumers import UnreachableError
from app_platform.runtime.history import GoneError, History

T = TypeVar("T")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@asynccontextmanager
async def history() -> AsyncIterator[History]:
    """The history of the platform that the environment names."""
    settings = load(RuntimeSettings)
    async with connected(settings, "app-platform cli", wait=False) as client:
        yield History(client, settings)


def run(command: Callable[[History], Awaitable[T]]) -> T:
    """Run a command on the history; exits with status 1 and one clear line when that is not possible."""
    # make up writes NATS_URL; services read APP_PLATFORM_NATS_URL. Either will do here.
    if "NATS_URL" in os.environ:
        os.environ.setdefault("APP_PLATFORM_NATS_URL", os.environ["NATS_URL"])

    # What the client tries on the way is no news; the end of it is told below.
    logging.getLogger("app_platform").setLevel(logging.CRITICAL)

    async def opened() -> T:
        async with history() as found:
            return await command(found)

    try:
        return asyncio.run(opened())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (SettingsError, GoneError, SubjectError, UnreachableError) as error:
        _fail(str(error))
    except Exception as error:
        if type(error).__module__.split(".")[0] != "nats" and not isinstance(error, OSError):
            raise
        _fail(f"NATS at {_server()} does not serve the events: {error!s} ({type(error).__name__})")
    raise typer.Exit(1)


def _server() -> str:
    """Host and port alone: the URL may hold a password."""
    url = urlsplit(os.environ.get("APP_PLATFORM_NATS_URL", ""))
    return f"{url.hostname}:{url.port or 4222}"


def _fail(message: str) -> None:
    typer.echo(f"app-platform: {message}", err=True)


def since(text: str | None) -> datetime | None:
    """A point in time: RFC 3339, or how long ago (``90s``, ``15m``, ``2h``, ``1d``).

    Raises:
        typer.BadParameter: It is neither.
    """
    if text is None:
        return None
    if text[:-1].isdigit() and text[-1] in _UNITS:
        return datetime.now(UTC) - timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a time (2026-01-31T12:00:00Z) nor a duration (90s, 15m, 2h, 1d)"
        ) from None
    parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    if parsed > datetime.now(UTC):
        raise typer.BadParameter(f"{text!r} has not come yet: give a time in the past")
    return parsed
