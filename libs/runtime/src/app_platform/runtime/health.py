"""``/healthz``, ``/readyz`` and ``/metrics`` of a service.

Guarantees: ``/healthz`` answers while the event loop runs; ``/readyz`` answers 503 with the names of the checks that fail.
Leaves out: TLS and authentication; it binds to loopback unless told otherwise.
"""

from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Checks = Mapping[str, Callable[[], bool]]


def application(checks: Checks) -> web.Application:
    """The HTTP application.

    Args:
        checks: Name to a function that says whether this part is ready.
    """

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.Response:
        failing = [name for name, check in checks.items() if not check()]
        return web.json_response({"failing": failing}, status=503 if failing else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app


@asynccontextmanager
async def serving(checks: Checks, host: str, port: int) -> "AsyncIterator[None]":
    """Serve while the context is open."""
    runner = web.AppRunner(application(checks), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
