"""Run the balancer: `python -m app_platform.local.balancer`, configured by APP_PLATFORM_BALANCER_….

HEALTH_PORT: for the balancer itself. PORT: where browsers come. REPLICAS: base URLs, separated by spaces.
"""

import asyncio
import os
import signal

from aiohttp import web

from app_platform.local.balancer.forwarding import spreading

_LOOPBACK = "127.0.0.1"


async def serve() -> None:
    """Forward until told to end."""
    ended = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, ended.set)
    app = web.Application()
    app.router.add_get("/healthz", _healthz)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, _LOOPBACK, int(_setting("HEALTH_PORT"))).start()
    async with spreading(_setting("REPLICAS").split(), _LOOPBACK, int(_setting("PORT"))):
        await ended.wait()
    await runner.cleanup()


def _setting(name: str) -> str:
    return os.environ[f"APP_PLATFORM_BALANCER_{name}"]


async def _healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


if __name__ == "__main__":
    asyncio.run(serve())
