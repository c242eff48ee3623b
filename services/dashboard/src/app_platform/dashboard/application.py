"""The web application: its pages, its files, and what surrounds them."""

from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from app_platform.dashboard.api import application as api
from app_platform.dashboard.pages import diagnose, home, me, signin
from app_platform.dashboard.web import errors
from app_platform.dashboard.web.rendering import STATIC
from app_platform.dashboard.web.shield import Shield
from app_platform.dashboard.web.site import Site

_SILENT: TelemetryConfig = {"tracing": False, "logs": False, "auto_configure": False}
"""Its spans would hold query strings, and with them the codes by which people sign in."""
_FOREVER = "public, max-age=31536000, immutable"


class _Files(StaticFiles):
    """Files whose address changes when they do, so that browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See StaticFiles."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _FOREVER
        return response


def create_app(site: Site) -> ASGIApp:
    """The application.

    Args:
        site: The parts.
    """
    app = FastAPI(title="App Platform", docs_url=None, redoc_url=None, openapi_url=None, telemetry=_SILENT)
    app.state.site = site
    errors.handle(app)
    for router in (
        signin.router,
        home.router,
        me.router,
        diagnose.router,
        *(page.router for page in site.pages),
    ):
        app.include_router(router, include_in_schema=False)
    app.mount(api.PATH, api.create_api(site))
    app.mount("/static", _Files(directory=STATIC))
    host = urlsplit(site.settings.dashboard_url).hostname or ""
    return Shield(TrustedHostMiddleware(app, allowed_hosts=[host]), secure=site.settings.secure)
