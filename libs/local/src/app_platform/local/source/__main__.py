"""Run the stand-in: `python -m app_platform.local.source`, configured by KUBECONFIG, APP_PLATFORM_SOURCE_{PORT,DATA}."""

import asyncio
import os
import signal
from pathlib import Path

from aiohttp import web

from app_platform.kube import ClusterConfig, KubeClient
from app_platform.local.source.controller import Controller
from app_platform.local.source.fetch import Fetcher


async def serve() -> None:
    """Serve artifacts and reconcile until told to end."""
    port = int(os.environ["APP_PLATFORM_SOURCE_PORT"])
    fetcher = Fetcher(Path(os.environ["APP_PLATFORM_SOURCE_DATA"]), f"http://127.0.0.1:{port}")
    fetcher.artifacts.joinpath("gitrepository").mkdir(parents=True, exist_ok=True)
    app = web.Application()
    app.router.add_get("/healthz", _healthz)
    app.router.add_static("/gitrepository", fetcher.artifacts / "gitrepository")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with KubeClient(ClusterConfig.load(), user_agent="source-controller") as client:
        task = asyncio.create_task(Controller(client, fetcher).run())
        for sent in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sent, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            await runner.cleanup()


async def _healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


if __name__ == "__main__":
    asyncio.run(serve())
