"""Run the stand-in: `python -m app_platform.local.authelia`, configured by KUBECONFIG and APP_PLATFORM_AUTHELIA_….

HEALTH_PORT: for the stand-in itself. PORT, ISSUER: where users reach the provider, and what it calls itself. USERS: the users
file. DATA: a folder. NOTE: a line for the sign-in page.
"""

import asyncio
import os
import signal
from pathlib import Path

from aiohttp import web

from app_platform.kube import ClusterConfig, KubeClient
from app_platform.local.authelia.controller import Controller, read_clients
from app_platform.local.authelia.pod import Setup
from app_platform.local.authelia.service import Address


async def serve() -> None:
    """Run the Deployment until told to end."""
    app = web.Application()
    app.router.add_get("/healthz", _healthz)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(_setting("HEALTH_PORT"))).start()
    async with KubeClient(ClusterConfig.load(), user_agent="authelia-stand-in") as client:
        address = Address(int(_setting("PORT")))
        task = asyncio.create_task(Controller(client, address, _setup(client)).run())
        for sent in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sent, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            await address.lead_to(0)
            await runner.cleanup()


def _setup(client: KubeClient) -> Setup:
    return Setup(
        issuer=_setting("ISSUER"),
        users=Path(_setting("USERS")),
        state=Path(_setting("DATA")),
        note=_setting("NOTE"),
        read_clients=lambda: read_clients(client),
    )


def _setting(name: str) -> str:
    return os.environ[f"APP_PLATFORM_AUTHELIA_{name}"]


async def _healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


if __name__ == "__main__":
    asyncio.run(serve())
