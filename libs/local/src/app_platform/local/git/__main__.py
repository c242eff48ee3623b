"""Run the Git server: `python -m app_platform.local.git`, configured by APP_PLATFORM_GIT_{PORT,DATA,TOKEN}."""

import os
from pathlib import Path

from aiohttp import web

from app_platform.local.git.server import GitServer
from app_platform.local.git.store import Store


def main() -> None:
    """Serve until told to end."""
    port = int(os.environ["APP_PLATFORM_GIT_PORT"])
    store = Store(Path(os.environ["APP_PLATFORM_GIT_DATA"]))
    server = GitServer(store, os.environ["APP_PLATFORM_GIT_TOKEN"], f"http://127.0.0.1:{port}")
    web.run_app(
        server.application(),
        host="127.0.0.1",
        port=port,
        print=lambda *_: None,
        shutdown_timeout=5,
        # git http-backend gets the body as it came, with the headers that describe it: it inflates by itself.
        auto_decompress=False,
    )


if __name__ == "__main__":
    main()
