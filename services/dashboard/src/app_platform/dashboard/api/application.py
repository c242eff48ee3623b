"""The API as an application of its own, which the dashboard mounts."""

from typing import Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from app_platform.dashboard.api import apps, clients, looking, problems, secrets
from app_platform.dashboard.web.site import Site

PATH: Final = "/api/v1"
_SILENT: Final[TelemetryConfig] = {"tracing": False, "logs": False, "auto_configure": False}
_RESPONSES: Final[dict[int | str, dict[str, object]]] = {
    "default": {
        "description": "A problem (RFC 9457).",
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to change."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901)."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


class _Api(FastAPI):
    """With the schema of problems in its description."""

    def openapi(self) -> dict[str, object]:
        """See FastAPI."""
        described = super().openapi()
        described["components"]["schemas"]["Problem"] = _PROBLEM
        return described


def create_api(site: Site) -> FastAPI:
    """The API.

    Args:
        site: The parts that it shares with the pages.
    """
    api = _Api(
        title="App Platform",
        version="1",
        description=(problems.__doc__ or "").partition("\n")[0],
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        root_path_in_servers=False,
        servers=[{"url": site.settings.dashboard_url + PATH}],
        responses=_RESPONSES,
        telemetry=_SILENT,
    )
    api.state.site = site
    problems.handle(api)
    for module in (apps, secrets, clients, looking):
        api.include_router(module.router)
    return api
