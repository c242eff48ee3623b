"""Run the Git server: `python -m app_platform.local.git`, configured by the variables of `settings.py`."""

import sys

from aiohttp import web

from app_platform.local.git.hooks import Hooks
from app_platform.local.git.server import GitServer
from app_platform.local.git.settings import GitSettings
from app_platform.local.git.store import Store
from app_platform.runtime import SettingsError
from app_platform.runtime.settings import load


def main() -> None:
    """Serve until told to end."""
    try:
        settings = load(GitSettings)
    except SettingsError as error:
        sys.exit(f"error: {error}")
    hooks = Hooks(
        settings.webhook_urls.split(), settings.webhook_secret.get_secret_value(), settings.base_url
    )
    server = GitServer(Store(settings.data), settings.token.get_secret_value(), settings.base_url, hooks)
    web.run_app(
        server.application(),
        host=settings.host,
        port=settings.port,
        print=lambda *_: None,
        shutdown_timeout=5,
        # git http-backend gets the body as it came, with the headers that describe it: it inflates by itself.
        auto_decompress=False,
    )


if __name__ == "__main__":
    main()
