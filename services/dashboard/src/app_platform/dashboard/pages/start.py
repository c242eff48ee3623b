"""Get started: the guide's app repository, filled in for this app, to read, copy or download."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from app_platform.dashboard.web.context import AppVisit, InApp
from app_platform.scaffold import ScaffoldError, Wanted, files, flux_manifests, tar_gz, yaml_text, zipped

router: Final = APIRouter(prefix="/apps/{app}/start")
_PORT: Final = "8080"
_KINDS: Final[Mapping[str, tuple[str, Callable[[str, Mapping[str, str]], bytes]]]] = {
    "tar.gz": ("application/gzip", tar_gz),
    "zip": ("application/zip", zipped),
}


@dataclass(frozen=True)
class Asked:
    """What the person filled in.

    Attributes:
        repository: URL of the app repository; empty when it is not made yet.
    """

    image: str
    port: str
    repository: str


@router.get("")
async def show(visit: InApp, image: str = "", port: str = "", repository: str = "") -> Response:
    """All files, one below the other."""
    asked = _asked(visit, image, port, repository)
    try:
        wanted = _wanted(visit, asked)
        made = _files(wanted, asked)
    except ScaffoldError as error:
        return _refused(visit, asked, error)
    return _page(visit, asked, wanted, made)


@router.get("/download/{kind}")
async def download(
    visit: InApp, kind: str, image: str = "", port: str = "", repository: str = ""
) -> Response:
    """The same as one file."""
    if kind not in _KINDS:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    asked = _asked(visit, image, port, repository)
    try:
        made = _files(_wanted(visit, asked), asked)
    except ScaffoldError as error:
        return _refused(visit, asked, error)
    media_type, packed = _KINDS[kind]
    disposition = f'attachment; filename="{_folder(visit)}.{kind}"'
    return Response(
        packed(_folder(visit), made), media_type=media_type, headers={"Content-Disposition": disposition}
    )


def _asked(visit: AppVisit, image: str, port: str, repository: str) -> Asked:
    default = f"ghcr.io/labrats-work/{visit.app}:1.0.0"
    return Asked(image.strip() or default, port.strip() or _PORT, repository.strip())


def _wanted(visit: AppVisit, asked: Asked) -> Wanted:
    if not asked.port.isascii() or not asked.port.isdigit():
        raise ScaffoldError(f"port {asked.port!r}: write a number")
    namespaces = tuple(visit.registration.spec.namespaces)
    return Wanted(visit.app, asked.image, namespaces, int(asked.port), visit.site.settings.apps_domain)


def _files(wanted: Wanted, asked: Asked) -> dict[str, str]:
    made = files(wanted)
    if asked.repository:
        made["flux.yaml"] = yaml_text(*flux_manifests(wanted, asked.repository))
    return made


def _folder(visit: AppVisit) -> str:
    return f"apps.{visit.app}"


def _refused(visit: AppVisit, asked: Asked, error: ScaffoldError) -> Response:
    """What was filled in and what is wrong with it, with the files as they are by default."""
    wanted = _wanted(visit, _asked(visit, "", "", ""))
    return _page(visit, asked, wanted, files(wanted), str(error))


def _page(
    visit: AppVisit, asked: Asked, wanted: Wanted, made: Mapping[str, str], fault: str = ""
) -> Response:
    return visit.page(
        "start/show.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if fault else HTTPStatus.OK,
        asked=asked,
        wanted=wanted,
        files=made,
        fault=fault,
        folder=_folder(visit),
        kinds=_KINDS,
    )
