"""Run the Git server: `python -m app_platform.local.git`, configured by the variables of `settings.py`."""

import sys
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from app_platform.local.git.hooks import Hooks
from app_platform.local.git.server import GitServer
from app_platform.local.git.settings import GitSettings
from app_platform.local.git.ssh import serving
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
    store = Store(settings.data)
    application = GitServer(store, settings.token.get_secret_value(), settings.base_url, hooks).application()
    if settings.ssh_port:
        application.cleanup_ctx.append(_over_ssh(settings, store))
    web.run_app(
        application,
        host=settings.host,
        port=settings.port,
        print=lambda *_: None,
        shutdown_timeout=5,
        # git http-backend gets the body as it came, with the headers that describe it: it inflates by itself.
        auto_decompress=False,
    )


def _over_ssh(settings: GitSettings, store: Store) -> Callable[[web.Application], AsyncIterator[None]]:
    if settings.ssh_host_key is None:
        sys.exit("error: APP_PLATFORM_GIT_SSH_HOST_KEY: needed with APP_PLATFORM_GIT_SSH_PORT")
    host_key = settings.ssh_host_key

    async def while_running(_app: web.Application) -> AsyncIterator[None]:
        async with serving(store.opened_by, settings.host, settings.ssh_port, host_key):
            yield

    return while_running


if __name__ == "__main__":
    main()
