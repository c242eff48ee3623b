"""Opens the event history and the cluster for a command, with errors that say what to set."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final, TypeVar
from urllib.parse import urlsplit

import typer

from app_platform.cli.errors import CommandError, EventStoreError
from app_platform.cli.options import Exit
from app_platform.contracts.subjects import SubjectError
from app_platform.kube import (
    ClusterConfig,
    ConfigError,
    KubeClient,
    KubeError,
    NotFound,
    Unauthorized,
    Unavailable,
)
from app_platform.runtime import RuntimeSettings, SettingsError, load
from app_platform.runtime.connection import CredentialsError, connected, why
from app_platform.runtime.consumers import UnreachableError
from app_platform.runtime.history import GoneError, History
from app_platform.runtime.permissions import OPERATOR, READER
from app_platform.runtime.publish import PublishError

T = TypeVar("T")
_TOLD: Final = (
    CommandError,
    ConfigError,
    GoneError,
    PublishError,
    SettingsError,
    SubjectError,
)
"""Errors whose text is meant for whoever gave the command."""
_CLUSTER: Final[dict[type[KubeError], str]] = {
    Unavailable: "the API server does not answer ({}): check KUBECONFIG, and whether it runs",
    Unauthorized: "the API server does not know your credential ({}): check KUBECONFIG, or sign in anew",
    NotFound: "the API server does not know this ({}): is the platform installed in this cluster?",
}
_SETTINGS: Final = {
    "APP_PLATFORM_NATS_URL": "NATS_URL",
    "APP_PLATFORM_NATS_CA": "NATS_CA",
    "APP_PLATFORM_NATS_CERTIFICATE": "NATS_CERT",
    "APP_PLATFORM_NATS_CERTIFICATE_KEY": "NATS_KEY",
}
_KEYS: Final = {READER: "NATS_READER_NKEY", OPERATOR: "NATS_OPERATOR_NKEY"}


@asynccontextmanager
async def history(identity: str = READER) -> AsyncIterator[History]:
    """The history of the platform that the environment names.

    Raises:
        EventStoreError: NATS is not named, not there, does not let us in, or stops answering while it is asked.
    """
    if not knows_nats(identity):
        raise EventStoreError(
            "no event store: set NATS_URL to the NATS server, for instance nats://host:4222"
        )
    settings = load(RuntimeSettings)
    async with AsyncExitStack() as stack:
        with _connecting():
            client = await stack.enter_async_context(connected(settings, identity, wait=False))
        try:
            yield History(client, identity, settings)
        except TimeoutError as error:
            told = f"NATS at {_server()} does not answer: {why(client, error)}"
            raise EventStoreError(f"{told}; wanted is the key of identity {identity!r}") from None
        except UnreachableError as error:
            raise EventStoreError(str(error)) from None
        except Exception as error:
            if not _is_of_nats(error):
                raise
            raise EventStoreError(_unserved(error)) from None


@contextmanager
def _connecting() -> Iterator[None]:
    try:
        yield
    except CredentialsError as error:
        raise EventStoreError(str(error)) from None
    except Exception as error:
        # Only here is an OSError the network's: later it is that of a file, or of who reads what is printed.
        if not (_is_of_nats(error) or isinstance(error, OSError)):
            raise
        raise EventStoreError(_unserved(error)) from None


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

    async def begun() -> T:
        return await command()

    try:
        with _quietly():
            return asyncio.run(begun())
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    except _TOLD as error:
        _fail(str(error))
    except KubeError as error:
        _fail(of_cluster(error))
    except BrokenPipeError:
        raise  # whoever read has gone: Typer ends without a word
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    raise typer.Exit(Exit.IMPOSSIBLE)


@contextmanager
def _quietly() -> Iterator[None]:
    """What the clients try on the way is no news: the end of it is told."""
    logger = logging.getLogger("app_platform")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _is_of_nats(error: Exception) -> bool:
    """Whether it is one of NATS' own; only runtime may know its classes."""
    return type(error).__module__.split(".")[0] == "nats"


def of_cluster(error: KubeError) -> str:
    """What the API server says, and what to do about it."""
    return _CLUSTER.get(type(error), "{}").format(error)


def _unserved(error: Exception) -> str:
    """That NATS does not serve, in one line."""
    return f"NATS at {_server()} does not serve the events: {error!s} ({type(error).__name__})"


def knows_nats(identity: str = READER) -> bool:
    """Whether the environment names a NATS server.

    ``make up`` writes NATS_URL and the like, as the ``nats`` program reads them; services read APP_PLATFORM_NATS_URL and the like.
    """
    for ours, theirs in {**_SETTINGS, "APP_PLATFORM_NATS_NKEY": _KEYS[identity]}.items():
        if os.environ.get(theirs):
            os.environ.setdefault(ours, os.environ[theirs])
    return bool(os.environ.get("APP_PLATFORM_NATS_URL"))


def _server() -> str:
    """Host and port alone: the URL may hold a password."""
    url = urlsplit(os.environ.get("APP_PLATFORM_NATS_URL", ""))
    return f"{url.hostname}:{url.port or 4222}"


def _fail(message: str) -> None:
    typer.echo(f"app-platform: {message}", err=True)
