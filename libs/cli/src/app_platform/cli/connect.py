"""Opens the event history and the cluster for a command, with errors that say what to set."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit

import typer

from app_platform.cli.errors import CommandError
from app_platform.cli.options import Exit
from app_platform.contracts.subjects import SubjectError
from app_platform.kube import ClusterConfig, ConfigError, KubeClient, KubeError
from app_platform.runtime import RuntimeSettings, SettingsError, load
from app_platform.runtime.connection import connected
from app_platform.runtime.consumers import UnreachableError
from app_platform.runtime.history import GoneError, History
from app_platform.runtime.permissions import OPERATOR, READER

T = TypeVar("T")
_TOLD: Final = (
    CommandError,
    ConfigError,
    GoneError,
    KubeError,
    SettingsError,
    SubjectError,
    UnreachableError,
)
"""Errors whose text is meant for whoever gave the command."""
_SETTINGS: Final = {
    "APP_PLATFORM_NATS_URL": "NATS_URL",
    "APP_PLATFORM_NATS_CA": "NATS_CA",
    "APP_PLATFORM_NATS_CERTIFICATE": "NATS_CERT",
    "APP_PLATFORM_NATS_CERTIFICATE_KEY": "NATS_KEY",
}
_KEYS: Final = {READER: "NATS_READER_NKEY", OPERATOR: "NATS_OPERATOR_NKEY"}
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@asynccontextmanager
async def history(identity: str = READER) -> AsyncIterator[History]:
    """The history of the platform that the environment names."""
    knows_nats(identity)
    settings = load(RuntimeSettings)
    async with connected(settings, identity, wait=False) as client:
        yield History(client, identity, settings)


@asynccontextmanager
async def cluster() -> AsyncIterator[KubeClient]:
    """The cluster that KUBECONFIG names."""
    async with KubeClient(ClusterConfig.load(), user_agent="app-platform-cli") as client:
        yield client


def run(command: Callable[[History], Awaitable[T]], identity: str = READER) -> T:
    """Run a command on the history; exits with status 1 and one clear line when that is not possible."""

    async def opened() -> T:
        async with history(identity) as found:
            return await command(found)

    return execute(opened)


def run_on_cluster(command: Callable[[KubeClient], Awaitable[T]]) -> T:
    """Run a command on the cluster; exits likewise."""

    async def opened() -> T:
        async with cluster() as client:
            return await command(client)

    return execute(opened)


def execute(command: Callable[[], Awaitable[T]]) -> T:
    """Run a command that opens what it needs itself; exits likewise."""
    # What the clients try on the way is no news; the end of it is told below.
    logging.getLogger("app_platform").setLevel(logging.CRITICAL)

    async def begun() -> T:
        return await command()

    try:
        return asyncio.run(begun())
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    except _TOLD as error:
        _fail(str(error))
    except Exception as error:
        if not is_of_nats(error):
            raise
        _fail(unserved(error))
    raise typer.Exit(Exit.IMPOSSIBLE)


def is_of_nats(error: Exception) -> bool:
    """Whether it came from the way to NATS; only runtime may know its classes."""
    return type(error).__module__.split(".")[0] == "nats" or isinstance(error, OSError)


def unserved(error: Exception) -> str:
    """That NATS does not serve, in one line."""
    return f"NATS at {_server()} does not serve the events: {error!s} ({type(error).__name__})"


def knows_nats(identity: str = READER) -> bool:
    """Whether the environment names a NATS server.

    ``make up`` writes NATS_URL and the like, as the ``nats`` program reads them; services read APP_PLATFORM_NATS_URL and the like.
    """
    for ours, theirs in {**_SETTINGS, "APP_PLATFORM_NATS_NKEY": _KEYS[identity]}.items():
        if theirs in os.environ:
            os.environ.setdefault(ours, os.environ[theirs])
    return "APP_PLATFORM_NATS_URL" in os.environ


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
