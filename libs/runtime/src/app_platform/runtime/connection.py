"""The connection to NATS: waits for a server that is not there yet and comes back after every break.

Guarantees: credentials come from a file and are never logged. Leaves out: streams and consumers.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import nats
import nats.errors
from nats.aio.client import Client

from app_platform.runtime.settings import RuntimeSettings

_LOG: Final = logging.getLogger(__name__)
_RETRY_SECONDS: Final = 1.0
_FOREVER: Final = -1
_ONCE: Final = {
    "allow_reconnect": False,
    "max_reconnect_attempts": 1,
    "reconnect_time_wait": 0.2,
    "connect_timeout": 3,
}
"""For a command, whose user waits. Not 0 attempts: nats-py takes that for no limit."""


async def _on_error(error: Exception) -> None:
    _LOG.warning("nats: %s", type(error).__name__)


async def _on_disconnect() -> None:
    # Also told when we close it ourselves; a real loss is an error that ``_on_error`` tells too.
    _LOG.info("nats: disconnected")


async def _on_reconnect() -> None:
    _LOG.info("nats: connected again")


def _options(settings: RuntimeSettings, name: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "servers": [url.strip() for url in settings.nats_url.split(",")],
        "name": name,
        "max_reconnect_attempts": _FOREVER,
        "reconnect_time_wait": _RETRY_SECONDS,
        "ping_interval": 10,
        "error_cb": _on_error,
        "disconnected_cb": _on_disconnect,
        "reconnected_cb": _on_reconnect,
    }
    if settings.nats_creds is not None:
        options["user_credentials"] = str(settings.nats_creds)
    return options


@asynccontextmanager
async def connected(settings: RuntimeSettings, name: str, *, wait: bool = True) -> AsyncIterator[Client]:
    """A connected client, closed at the end.

    Args:
        settings: Where and with which credentials.
        name: Shown by the server in its list of connections.
        wait: Whether to keep trying until a server answers.

    Raises:
        OSError: No server answers, and ``wait`` is false.
        nats.errors.Error: The server refused, and ``wait`` is false.
    """
    client = await _connect(settings, name, wait=wait)
    try:
        yield client
    finally:
        await _close(client)


async def _connect(settings: RuntimeSettings, name: str, *, wait: bool) -> Client:
    options = _options(settings, name)
    if not wait:
        return await nats.connect(**{**options, **_ONCE})
    while True:
        try:
            return await nats.connect(**options)
        except (OSError, nats.errors.Error, TimeoutError) as error:
            _LOG.warning("nats is not there yet: %s", type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)


async def _close(client: Client) -> None:
    try:
        if client.is_connected:
            await client.flush(timeout=2)
    except (nats.errors.Error, TimeoutError) as error:
        _LOG.warning("nats: last messages may not be sent: %s", type(error).__name__)
    await client.close()
