"""Run the Git server: `python -m app_platform.local.git`, configured by APP_PLATFORM_GIT_{PORT,DATA,TOKEN}.

APP_PLATFORM_GIT_WEBHOOK_URLS (separated by blanks) and APP_PLATFORM_GIT_WEBHOOK_SECRET name who is told of pushes.
"""

import os
from pathlib import Path

from aiohttp import web

from app_platform.local.git.hooks import Hooks
from app_platform.local.git.server import GitServer
from app_platform.local.git.store import Store


def main() -> None:
    """Serve until told to end."""
    port = int(os.environ["APP_PLATFORM_GIT_PORT"])
    store = Store(Path(os.environ["APP_PLATFORM_GIT_DATA"]))
    url = f"http://127.0.0.1:{port}"
    receivers = os.environ.get("APP_PLATFORM_GIT_WEBHOOK_URLS", "").split()
    hooks = Hooks(receivers, os.environ.get("APP_PLATFORM_GIT_WEBHOOK_SECRET", ""), url)
    server = GitServer(store, os.environ["APP_PLATFORM_GIT_TOKEN"], url, hooks)
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
