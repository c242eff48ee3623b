"""Diagnose: the guide's Troubleshooting as checks that are run, with what to do about the one that fails."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app_platform.dashboard.diagnosing import look
from app_platform.dashboard.web.context import AppVisit, InApp
from app_platform.diagnosis import AppTarget, ClientTarget, FluxTarget, SecretTarget, Target, worst

PATH: Final = "diagnose"
router: Final = APIRouter(prefix=f"/apps/{{app}}/{PATH}")


@router.get("")
async def of_app(visit: InApp) -> Response:
    """Everything of the app."""
    return await _page(visit, AppTarget(visit.app), visit.app, "")


@router.get("/secrets/{name}")
async def of_secret(visit: InApp, name: str) -> Response:
    """Why a secret is not committed, or not live."""
    return await _page(visit, SecretTarget(visit.app, name), name, "secrets")


@router.get("/oidc-clients/{name}")
async def of_client(visit: InApp, name: str) -> Response:
    """Why an OIDC client is not registered."""
    return await _page(visit, ClientTarget(visit.app, name), name, "oidc-clients")


@router.get("/git-repositories/{name}")
async def of_source(visit: InApp, name: str) -> Response:
    """Why a push is not fetched."""
    return await _page(visit, FluxTarget(visit.app, "GitRepository", name), name, "git-repositories")


@router.get("/kustomizations/{name}")
async def of_kustomization(visit: InApp, name: str) -> Response:
    """Why a push is not applied."""
    return await _page(visit, FluxTarget(visit.app, "Kustomization", name), name, "kustomizations")


async def _page(visit: AppVisit, target: Target, name: str, kind: str) -> Response:
    found = await look(visit.access, visit.site.bus, visit.app, target)
    return visit.page("diagnose.html", findings=found, worst=worst(found), name=name, kind=kind)
