"""The first page, and the list of all one's apps."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app_platform.dashboard.tables import table
from app_platform.dashboard.web import cookies
from app_platform.dashboard.web.context import Visitor
from app_platform.dashboard.web.rendering import LANDING

router: Final = APIRouter()


@router.get("/")
async def home(visit: Visitor) -> Response:
    """Where one was last: the app looked at last, else the only sensible page."""
    last = visit.site.cookies.get(visit.request, cookies.APP)
    names = [seat.app.name for seat in visit.seats]
    if names:
        return RedirectResponse(f"/apps/{last if last in names else names[0]}/{LANDING}", status_code=303)
    return RedirectResponse("/registrations" if visit.platform_admin else "/me", status_code=303)


@router.get("/apps")
async def all_apps(visit: Visitor, q: str = "", page: int = 1) -> Response:
    """All apps that the person has a role in."""
    rows = table(visit.seats, lambda seat: (seat.app.name, seat.app.display_name, seat.role), q, page)
    return visit.page("apps.html", table=rows)
