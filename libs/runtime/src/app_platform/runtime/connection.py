"""The connection to NATS: waits for a server that is not there yet and comes back after every break.

Guarantees: keys come from files and are never logged; with TLS, the server's certificate and name are checked, and files that were
replaced are used from the next connection on. Leaves out: streams and consumers.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import nats.errors
import nkeys
from nats.aio.client import Client
from nats.js import JetStreamContext

from app_platform.runtime.settings import RuntimeSettings

_LOG: Final = logging.getLogger(__name__)
DOMAIN: Final = "platform"
"""Under which name an identity's account has the JetStream of account PLATFORM (``accounts``)."""
API: Final = f"$JS.{DOMAIN}.API"
_RETRY_SECONDS: Final = 1.0
_CONNECT_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 2.0
_FOREVER: Final = -1
_REFUSED: Final = "permissions violation"
_ONCE: Final = {
    "allow_reconnect": False,
    "max_reconnect_attempts": 1,
    "reconnect_time_wait": 0.2,
    "connect_timeout": 3,
}
"""For a command, whose user waits. Not 0 attempts: nats-py takes that for no limit."""


class CredentialsError(OSError):
    """The key or a certificate cannot be used; the text names the file and what is wrong with it, never its content."""


def jetstream(nc: Client) -> JetStreamContext:
    """JetStream, as every identity reaches it."""
    return nc.jetstream(domain=DOMAIN)


def inbox_prefix(identity: str) -> str:
    """Under which an identity, and nobody else, gets answers."""
    return f"_INBOX_{identity}"


def end_if_cancelled() -> None:
    """End a loop around NATS when its task was cancelled.

    nats-py waits with ``asyncio.wait_for``, which in Python 3.11 loses a cancellation that meets the answer (CPython gh-86296).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def why(nc: Client, error: Exception) -> str:
    """Why a request got no answer: NATS says on the connection, not to the request, that a key may not send it."""
    told = str(nc.last_error or "")
    return f"the key in use is not let do this ({told})" if _REFUSED in told.lower() else type(error).__name__


async def _on_error(error: Exception) -> None:
    # The texts of NATS name subjects that were refused, and no content.
    _LOG.warning("nats: %s %s", type(error).__name__, error)


async def _on_reconnect() -> None:
    _LOG.info("nats: connected again")


def _options(settings: RuntimeSettings, identity: str) -> dict[str, Any]:
    tls = _tls(settings)

    async def on_disconnect() -> None:
        # Also told when we close it ourselves; a real loss is an error that ``_on_error`` tells too.
        _LOG.info("nats: disconnected")
        if tls is not None:
            _read_certificates(tls, settings)

    options: dict[str, Any] = {
        "servers": [url.strip() for url in settings.nats_url.split(",")],
        "name": f"{identity}/{settings.replica}",
        "inbox_prefix": inbox_prefix(identity).encode(),
        "max_reconnect_attempts": _FOREVER,
        "reconnect_time_wait": _RETRY_SECONDS,
        "ping_interval": 10,
        "error_cb": _on_error,
        "disconnected_cb": on_disconnect,
        "reconnected_cb": _on_reconnect,
    }
    if settings.nats_nkey is not None:
        options["nkeys_seed"] = str(_checked_key(settings.nats_nkey))
    if tls is not None:
        options["tls"] = tls
    return options


def _checked_key(file: Path) -> Path:
    try:
        nkeys.from_seed(bytearray(file.read_bytes().strip()))
    except OSError as error:
        raise CredentialsError(f"the NATS key {file} cannot be read: {error.strerror}") from None
    except (nkeys.NkeysError, ValueError):
        raise CredentialsError(
            f"{file} holds no NATS key: wanted is an NKey seed, which begins with SU"
        ) from None
    return file


def _tls(settings: RuntimeSettings) -> ssl.SSLContext | None:
    if settings.nats_ca is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    _read_certificates(context, settings)
    return context


def _read_certificates(context: ssl.SSLContext, settings: RuntimeSettings) -> None:
    try:
        context.load_verify_locations(settings.nats_ca)
        if settings.nats_certificate is not None:
            context.load_cert_chain(settings.nats_certificate, settings.nats_certificate_key)
    except OSError as error:  # as are the errors of ssl
        files = (settings.nats_ca, settings.nats_certificate, settings.nats_certificate_key)
        raise CredentialsError(
            f"the certificates for NATS cannot be used ({', '.join(str(file) for file in files if file)}): {error.strerror}"
        ) from None


@asynccontextmanager
async def connected(settings: RuntimeSettings, identity: str, *, wait: bool = True) -> AsyncIterator[Client]:
    """A connected client, closed at the end.

    Args:
        settings: Where and with which credentials.
        identity: Whose key it is (``permissions``); the server shows it with the replica in its list of connections.
        wait: Whether to keep trying until a server answers.

    Raises:
        CredentialsError: Key or certificates cannot be used, and ``wait`` is false.
        OSError: No server answers, and ``wait`` is false.
        nats.errors.Error: The server refused, and ``wait`` is false.
    """
    client = await _connect(settings, identity, wait=wait)
    try:
        yield client
    finally:
        await _close(client)


async def _connect(settings: RuntimeSettings, identity: str, *, wait: bool) -> Client:
    if not wait:
        return await _open({**_options(settings, identity), **_ONCE})
    while True:
        try:
            return await _open(_options(settings, identity))
        except (OSError, nats.errors.Error, TimeoutError) as error:
            _LOG.warning("nats is not there yet: %s %s", type(error).__name__, error)
            await asyncio.sleep(_RETRY_SECONDS)


async def _open(options: dict[str, Any]) -> Client:
    client = Client()
    try:
        # nats-py does not come back from a TLS handshake that failed: it waits for its end when it closes the socket.
        async with asyncio.timeout(_CONNECT_SECONDS):
            await client.connect(**options)
    except BaseException:
        # A refused client keeps its socket otherwise.
        await _let_go(client)
        raise
    return client


async def _let_go(client: Client) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.close()


async def stay_connected(nc: Client, patience: float = 300.0) -> None:
    """Run until there was no connection for so long that the client is better made anew: it may have stopped trying (see ``_open``).

    Raises:
        ConnectionError: That was so.
    """
    clock = asyncio.get_running_loop().time
    seen = clock()
    while clock() - seen < patience:
        await asyncio.sleep(min(1.0, patience / 5))
        seen = clock() if nc.is_connected else seen
    raise ConnectionError(f"no connection to NATS for {patience:.0f} s")


async def _close(client: Client) -> None:
    try:
        if client.is_connected:
            await client.flush(timeout=2)
    except (nats.errors.Error, TimeoutError) as error:
        _LOG.warning("nats: last messages may not be sent: %s", type(error).__name__)
    await _let_go(client)
