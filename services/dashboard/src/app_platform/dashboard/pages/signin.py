"""Signing in and out.

``/auth/sign-in`` begins, the identity provider sends back to ``/auth/callback``. Guarantees: only the browser that began can finish
(``state`` is tied to its cookie); a sign-in is used once; each one starts a session under a new id and ends the old one.
"""

import hmac
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from app_platform.dashboard.provider import SignInError
from app_platform.dashboard.sessions import SIGN_IN_SECONDS
from app_platform.dashboard.web import cookies, forms
from app_platform.dashboard.web.context import Visitor, find_session, site_of
from app_platform.dashboard.web.forms import Form

router: Final = APIRouter()
CALLBACK: Final = "/auth/callback"
_MAX_BACK_TO: Final = 1_000


@router.get("/auth/sign-in")
async def sign_in(request: Request, back: str = "/") -> Response:
    """Send the browser to the identity provider."""
    site = site_of(request)
    if not await site.throttle.admits(request.client.host if request.client else ""):
        return _refused(
            request, "Too many attempts from your address. Wait a minute, then try again.", "/", 429
        )
    record_id, begun = await site.sessions.begin(safe_path(back))
    try:
        url = await site.provider.sign_in_url(begun)
    except SignInError as error:
        return _refused(request, str(error), begun.back_to, HTTPStatus.SERVICE_UNAVAILABLE)
    response = RedirectResponse(url, status_code=303)
    site.cookies.put(response, cookies.SIGN_IN, record_id, SIGN_IN_SECONDS)
    return response


@router.get(CALLBACK)
async def callback(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Take in who has come back."""
    site = site_of(request)
    begun = await site.sessions.finish(site.cookies.get(request, cookies.SIGN_IN))
    if begun is None or not hmac.compare_digest(begun.state.encode(), state.encode()):
        return _refused(request, "This sign-in was not begun in this browser, or a while ago.", "/")
    if error or not code:
        return _refused(request, "The identity provider did not sign you in.", begun.back_to)
    try:
        known = await site.provider.redeem(code, begun)
    except SignInError as failure:
        return _refused(request, str(failure), begun.back_to)
    await site.sessions.end(site.cookies.get(request, cookies.SESSION))
    record_id, _ = await site.sessions.start(known.person, known.subject, known.token)
    response = RedirectResponse(begun.back_to, status_code=303)
    site.cookies.put(response, cookies.SESSION, record_id)
    site.cookies.drop(response, cookies.SIGN_IN)
    return response


async def own_form(request: Request) -> Form:
    """A form of this session, ended or not: signing out must always work."""
    forms.check_origin(request, site_of(request).settings.dashboard_url)
    form, found = await forms.read(request), await find_session(request)
    if found is not None:
        forms.check_token(form, found.session.csrf)
    return form


@router.post("/auth/sign-out")
async def sign_out(request: Request, _form: Annotated[Form, Depends(own_form)]) -> Response:
    """Forget the session."""
    site = site_of(request)
    await site.sessions.end(site.cookies.get(request, cookies.SESSION))
    response = site.templates.page("signed-out.html", {"issuer": site.settings.oidc_issuer_url})
    for name in (cookies.SESSION, cookies.DRAFT, cookies.APP):
        site.cookies.drop(response, name)
    return response


@router.get("/signed-in")
async def signed_in(visit: Visitor) -> Response:
    """What is shown in the other tab, to somebody whose form waits in the first."""
    return visit.page("signed-in.html")


def safe_path(path: str) -> str:
    """A path of ours to return to; `/` for whatever might lead elsewhere."""
    parts = urlsplit(path)
    ours = (
        path.startswith("/")
        and not path.startswith(("//", "/\\", "/auth/"))
        and not (parts.scheme or parts.netloc)
    )
    return path if ours and path.isprintable() and "\\" not in path and len(path) <= _MAX_BACK_TO else "/"


def _refused(request: Request, why: str, back_to: str, status: int = HTTPStatus.BAD_REQUEST) -> Response:
    context = {"back_to": back_to, "ended": False, "kept": False, "refused": why}
    return site_of(request).templates.page("sign-in.html", context, status)
