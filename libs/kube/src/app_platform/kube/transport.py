"""Sends one request to the API server: connection, credential, time limits, and the translation of failures.

The only module that knows aiohttp. Bodies are never logged.
"""

import asyncio
import io
import random
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self

import aiohttp
import orjson

from app_platform.kube.config import ClusterConfig
from app_platform.kube.errors import KubeError, Unauthorized, Unavailable, translate
from app_platform.kube.retry import retry_delay
from app_platform.kube.tokens import TokenError

_CONNECT_SECONDS: Final = 5.0
_REQUEST_SECONDS: Final = 30.0
_LONGEST_LINE: Final = 8 * 2**20  # bytes of one watch event; etcd's limit for an object is 1.5 MiB
_FIRST_ERROR: Final = 400
_TLS_BUFFER: Final = 32 * 2**10
"""Bytes that a TLS connection reads into; a record holds at most 16 KiB (RFC 8446, 5.1)."""

# A watcher holds a connection for each app, and asyncio gives each a buffer of 256 KiB, filled with zeros and so really there
# (CPython, Lib/asyncio/sslproto.py). There is no parameter for it.
SSLProtocol.max_size = _TLS_BUFFER

JSON: Final = "application/json"
_METADATA: Final = "application/json;as={kind};g=meta.k8s.io;v=v1"


PERSON_PREFIX: Final = "oidc:"
"""Of the names of people, so that no name of an identity provider can be one of Kubernetes' own."""
_KUBERNETES: Final = "system:"


class ImpersonationError(ValueError):
    """Somebody is no person, so nobody speaks for him. The text repeats no name."""


@dataclass(frozen=True)
class User:
    """A person to impersonate (https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/).

    RBAC can narrow the groups that a credential may speak for, but no names of users by prefix. What holds there is here: a request
    is made for names with ``PERSON_PREFIX`` only, and for no group of Kubernetes; the API server adds ``system:authenticated``.
    """

    name: str
    groups: tuple[str, ...] = ()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The request headers that say so.

        Raises:
            ImpersonationError: The name or a group is none of a person.
        """
        _require_person(self)
        return [("Impersonate-User", self.name), *(("Impersonate-Group", group) for group in self.groups)]


@dataclass(frozen=True)
class Request:
    """One request, as the API server sees it.

    Attributes:
        method: the HTTP verb.
        path: with a leading slash.
        query: parameters; None values are left out.
        body: any JSON.
        content_type: of the body.
        accept: JSON, or metadata only.
        idempotent: whether it may be sent again when it is not known whether it was done.
        sensitive: whether errors must not repeat what the server says about values.
        acting_as: whom to impersonate; whose credential it is needs the right to.
    """

    method: str
    path: str
    query: Mapping[str, str | int | None] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    content_type: str = JSON
    accept: str = JSON
    idempotent: bool = False
    sensitive: bool = False
    acting_as: User | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The query, ready to be sent."""
        return {name: str(value) for name, value in self.query.items() if value is not None}


def accept(*, metadata_only: bool, many: bool = False) -> str:
    """The Accept header; with `metadata_only` the server leaves everything but metadata out, or refuses (406)."""
    return (
        _METADATA.format(kind="PartialObjectMetadataList" if many else "PartialObjectMetadata")
        if metadata_only
        else JSON
    )


class Transport:
    """A pool of connections to one API server; use as an asynchronous context manager."""

    def __init__(self, config: ClusterConfig, *, user_agent: str, concurrency: int) -> None:
        """Prepare; nothing is opened before the first request.

        Args:
            config: where to, and as whom.
            user_agent: shows in the API server's audit log.
            concurrency: requests at a time; watches are not counted.
        """
        self._config, self._user_agent = config, user_agent
        self._slots = asyncio.Semaphore(concurrency)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections for good; running and later requests fail."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: Request) -> Any:  # noqa: ANN401 - any JSON
        """Send a request, again if that is safe and promising, and return the parsed answer.

        Raises:
            KubeError: what became of the last attempt.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._send_authorized(request)
            except KubeError as error:
                delay = retry_delay(error, attempt, idempotent=request.idempotent, jitter=random.random)
                if delay is None:
                    raise
            await asyncio.sleep(delay)

    async def _send_authorized(self, request: Request) -> Any:  # noqa: ANN401 - any JSON
        """One attempt, and one more with a renewed token if the old one was refused."""
        try:
            return await self._send_once(request, renew=False)
        except Unauthorized:
            if self._config.token is None:
                raise
        return await self._send_once(request, renew=True)

    async def _send_once(self, request: Request, *, renew: bool) -> Any:  # noqa: ANN401 - any JSON
        limits = aiohttp.ClientTimeout(total=_REQUEST_SECONDS, sock_connect=_CONNECT_SECONDS)
        async with self._slots, self._open(request, limits, renew=renew) as response:
            return orjson.loads(await response.read())

    async def stream(self, request: Request, *, silence: float) -> AsyncGenerator[dict[str, Any], None]:
        """Send a request once and yield each JSON line of the answer until the server ends it.

        Args:
            request: a watch.
            silence: seconds without a byte after which the connection counts as dead.

        Raises:
            KubeError: the request was refused, or the connection was lost.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence)
        async with self._open(request, limits, renew=False) as response:
            try:
                async for line in _lines(response.content, request):
                    yield orjson.loads(line)
            finally:
                _hang_up(response)

    @asynccontextmanager
    async def _open(
        self, request: Request, limits: aiohttp.ClientTimeout, *, renew: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer with a status below 400; all that goes wrong inside comes out as a KubeError."""
        try:
            async with self._opened().request(
                request.method,
                self._config.server + request.path,
                params=request.parameters,
                data=_body(request),
                headers=await self._headers(request, renew=renew),
                timeout=limits,
                server_hostname=self._config.server_name,
                allow_redirects=False,
            ) as response:
                if response.status >= _FIRST_ERROR:
                    raise await _refusal(response, request)
                yield response
        except TimeoutError:
            raise Unavailable(
                f"{request.method} {request.path}: no answer in time", reason="Timeout"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(
                f"{request.method} {request.path}: {type(error).__name__}", reason="Connection"
            ) from None
        except TokenError as error:
            raise Unavailable(str(error), reason="NoToken") from None
        except orjson.JSONDecodeError:
            raise Unavailable(
                f"{request.method} {request.path}: the answer is not JSON", reason="NotJSON"
            ) from None

    async def _headers(self, request: Request, *, renew: bool) -> list[tuple[str, str]]:
        headers = [("Accept", request.accept), ("User-Agent", self._user_agent)]
        if request.body is not None:
            headers.append(("Content-Type", request.content_type))
        if self._config.token is not None:
            headers.append(("Authorization", f"Bearer {await self._config.token.get(renew=renew)}"))
        return headers + (request.acting_as.headers if request.acting_as else [])

    def _opened(self) -> aiohttp.ClientSession:
        if self._closed:
            raise Unavailable("this client is closed", reason="Closed")
        if self._session is None:
            tls: Any = self._config.ssl_context or True
            # No limit here: each watch holds a connection of its own, requests are limited by `_slots`.
            connector = aiohttp.TCPConnector(limit=0, ssl=tls, keepalive_timeout=60)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True, trust_env=False)
        return self._session


async def _refusal(response: aiohttp.ClientResponse, request: Request) -> KubeError:
    body = await response.read()
    return translate(
        response.status, body, sensitive=request.sensitive, retry_after=response.headers.get("Retry-After")
    )


async def _lines(content: aiohttp.StreamReader, request: Request) -> AsyncIterator[bytes]:
    # Not readline(), which stops at lines of 128 KiB.
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise Unavailable(f"{request.method} {request.path}: one event is over {_LONGEST_LINE} bytes")
        for line in lines:
            yield line


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """End a stream that we no longer want at once: a polite farewell in TLS would outlive the task that asked for it."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()


def _body(request: Request) -> io.BytesIO | None:
    """The body as a file: aiohttp sends that in pieces, and warns of large bytes."""
    return None if request.body is None else io.BytesIO(orjson.dumps(request.body))


def _require_person(user: User) -> None:
    if not user.name.startswith(PERSON_PREFIX) or user.name == PERSON_PREFIX:
        raise ImpersonationError(f"only users whose names begin with {PERSON_PREFIX!r} are spoken for")
    if any(group.startswith(_KUBERNETES) for group in user.groups):
        raise ImpersonationError(f"no group that begins with {_KUBERNETES!r} is spoken for")
    if not all(each.isprintable() and each == each.strip() for each in (user.name, *user.groups)):
        raise ImpersonationError("a name holds characters that cannot stand in a request's head")
