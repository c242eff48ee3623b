"""Hands each request to the next replica in turn (RFC 9110, section 3.7, "gateway").

Guarantees: replicas take turns request by request, whatever connections browsers keep open. A replica that does not take a connection is
passed over; once a request was sent it is not sent again, since it may have been carried out. An answer goes out as it comes in, so that
server-sent events are live; it ends at the browser when it breaks off at the replica. ``Host`` stays, ``X-Forwarded-For`` is added.
Leaves out: TLS, WebSockets, sessions that stick to a replica.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import count
from typing import Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    web,
)

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields that are about one connection (RFC 9110, section 7.6.1)."""
_CLIENT_ADDS: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""What aiohttp would add to requests that have none."""
_MOST_BYTES: Final = 64 * 1024 * 1024
_NO_LIMIT: Final = ClientTimeout(total=None, sock_connect=5)


class Balancer:
    """Takes requests for the replicas.

    Args:
        replicas: Base URLs of all.
        session: Opens connections to them.
    """

    def __init__(self, replicas: Sequence[str], session: ClientSession) -> None:
        self._replicas, self._session = replicas, session
        self._turns = count()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request as the first replica does that takes it."""
        body = await request.read()
        for replica in self._in_turn():
            try:
                answer = await self._ask(replica, request, body)
            except ClientConnectorError:
                continue
            except ClientError:
                return web.Response(status=HTTPStatus.BAD_GATEWAY, text="the replica broke off")
            async with answer:
                return await _passed_on(answer, request)
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="no replica takes connections")

    def _in_turn(self) -> Iterator[str]:
        first = next(self._turns) % len(self._replicas)
        yield from (*self._replicas[first:], *self._replicas[:first])

    async def _ask(self, replica: str, request: web.Request, body: bytes) -> ClientResponse:
        return await self._session.request(
            request.method,
            replica + request.raw_path,
            headers=onward(request.headers, request.remote or ""),
            data=body or None,
            allow_redirects=False,
        )


def onward(headers: Mapping[str, str], remote: str) -> list[tuple[str, str]]:
    """The fields of a request as the replica gets them.

    Args:
        headers: As they came.
        remote: Address of who sent them.
    """
    kept = [(name, value) for name, value in headers.items() if not _is_dropped(name, "x-forwarded-for")]
    before = headers.get("X-Forwarded-For")
    return [*kept, ("X-Forwarded-For", f"{before}, {remote}" if before else remote)]


async def _passed_on(answer: ClientResponse, request: web.Request) -> web.StreamResponse:
    out = web.StreamResponse(status=answer.status, reason=answer.reason)
    for name, value in answer.headers.items():
        if not _is_dropped(name):
            out.headers.add(name, value)
    await out.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await out.write(chunk)
    except (ClientError, ConnectionError):
        # Half an answer must not look like a whole one.
        if request.transport is not None:
            request.transport.close()
        return out
    await out.write_eof()
    return out


def _is_dropped(name: str, *more: str) -> bool:
    return name.lower() in _HOP_BY_HOP or name.lower() in more


@asynccontextmanager
async def spreading(replicas: Sequence[str], host: str, port: int) -> AsyncIterator[None]:
    """Take requests at an address for as long as the context lasts.

    Args:
        replicas: Base URLs of all.
        host: Where to listen.
        port: Likewise.
    """
    async with ClientSession(
        connector=TCPConnector(limit=0),  # each open page holds one
        cookie_jar=DummyCookieJar(),
        timeout=_NO_LIMIT,
        auto_decompress=False,
        skip_auto_headers=_CLIENT_ADDS,
    ) as session:
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_route("*", "/{path:.*}", Balancer(replicas, session).handle)
        # A browser that leaves ends its request here, and with it the one to the replica.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=2)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield
        finally:
            await runner.cleanup()
