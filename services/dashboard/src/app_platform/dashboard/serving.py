"""Serves the pages, with uvicorn, beside what the runtime runs.

Guarantees: signals stay with the runtime; when it ends, requests in hand are finished and open event streams are cut.
Leaves out: TLS, which the ingress ends.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from app_platform.dashboard.settings import Settings

_GRACE_SECONDS: Final = 5


class _Server(uvicorn.Server):
    """Without uvicorn's own signal handlers."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave them alone."""
        yield


async def serve(app: ASGIApp, settings: Settings) -> None:
    """Serve until cancelled."""
    config = uvicorn.Config(
        app,
        host=settings.dashboard_host,
        port=settings.dashboard_port,
        log_config=None,
        access_log=False,  # addresses hold names of people's secrets
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        lifespan="off",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
