"""What is shown when something goes wrong: a page that says what happened and what to do, never our inside."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app_platform.dashboard import words
from app_platform.dashboard.access import RefusedError
from app_platform.dashboard.sessions import DRAFT_SECONDS, Found
from app_platform.dashboard.web import cookies
from app_platform.dashboard.web.context import NoSuchAppError, SignInNeededError, keep_draft, site_of
from app_platform.dashboard.web.forms import ForgedError, UnreadableError
from app_platform.dashboard.web.shield import BodyTooLargeError
from app_platform.kube import Forbidden, KubeError, NotFound, TooManyRequests, Unavailable
from app_platform.runtime import StoreError
from app_platform.runtime.consumers import UnreachableError

SIGN_IN: Final = "/auth/sign-in"
Handler = Callable[[Request, Any], Awaitable[Response]]
STATUSES: Final[dict[type[Exception], HTTPStatus]] = {
    RefusedError: HTTPStatus.FORBIDDEN,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    TooManyRequests: HTTPStatus.SERVICE_UNAVAILABLE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


def page(request: Request, status: HTTPStatus, title: str, text: str, **more: Any) -> Response:  # noqa: ANN401 - for the template
    """A page outside the dashboard's frame."""
    context = {"title": title, "text": text, "status": int(status), "app": "", **more}
    return site_of(request).templates.page("error.html", context, status)


async def sign_in_needed(request: Request, error: SignInNeededError) -> Response:
    """Ask to sign in; what had been filled in is kept."""
    site, ended = site_of(request), error.ended
    is_post = request.method == "POST"
    back_to = (
        request.url.path if is_post or not request.url.query else f"{request.url.path}?{request.url.query}"
    )
    if error.by_itself and request.method == "GET" and _is_page(request):
        return RedirectResponse(f"{SIGN_IN}?{urlencode({'back': back_to})}", status_code=HTTPStatus.SEE_OTHER)
    kept = await _kept(request, ended) if is_post and ended is not None else ""
    context = {"back_to": back_to, "ended": ended is not None, "kept": bool(kept), "refused": ""}
    response = site.templates.page("sign-in.html", context, HTTPStatus.UNAUTHORIZED)
    if kept:
        site.cookies.put(response, cookies.DRAFT, kept, DRAFT_SECONDS)
    if ended is None:
        site.cookies.drop(response, cookies.SESSION)
    return response


async def _kept(request: Request, ended: Found) -> str:
    """What ``keep_draft`` says; a store that is away keeps nothing."""
    try:
        return await keep_draft(request, ended)
    except StoreError:
        return ""


def _is_page(request: Request) -> bool:
    """Whether a page is asked for, and not a stream of events."""
    return "text/html" in request.headers.get("accept", "")


async def refused(request: Request, error: KubeError | RefusedError) -> Response:
    """Kubernetes says no, or nothing."""
    status = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), HTTPStatus.CONFLICT)
    title = "You may not do that" if status == HTTPStatus.FORBIDDEN else "That did not work"
    return page(request, status, title, words.sentence(error))


async def no_such_app(request: Request, error: NoSuchAppError) -> Response:
    """The same for an app that does not exist and one that is not theirs."""
    text = "There is no such app, or none of your groups has a role in it."
    return page(request, HTTPStatus.NOT_FOUND, "No such app", text, app=error.app)


async def forged(request: Request, _error: ForgedError) -> Response:
    """A post from elsewhere."""
    text = "This form did not come from a page of your present session, so nothing was done. Open the page again and repeat it."
    return page(request, HTTPStatus.FORBIDDEN, "Nothing was done", text)


async def unreadable(request: Request, error: UnreadableError) -> Response:
    """Not a form."""
    return page(request, HTTPStatus.BAD_REQUEST, "Nothing was done", str(error))


async def too_large(request: Request, _error: BodyTooLargeError) -> Response:
    """Too much."""
    text = "That is too large: a secret holds at most 1 MiB in all. Nothing was done."
    return page(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large", text)


async def no_store(request: Request, _error: StoreError) -> Response:
    """Sessions cannot be looked up now."""
    text = "Sessions cannot be looked up just now. Nothing was done; please try again in a moment."
    return page(request, HTTPStatus.SERVICE_UNAVAILABLE, "One moment", text)


async def no_history(request: Request, _error: UnreachableError) -> Response:
    """The event store is away."""
    text = "What happened cannot be looked up just now: the event store does not answer. Please try again in a moment."
    return page(request, HTTPStatus.SERVICE_UNAVAILABLE, "One moment", text)


async def http(request: Request, error: HTTPException) -> Response:
    """Whatever the framework refuses."""
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.NOT_FOUND:
        return page(request, status, "There is no such page", "Check the address, or start from the sidebar.")
    return page(request, status, status.phrase, "The dashboard does not take this request.")


async def unexpected(request: Request, _error: Exception) -> Response:
    """A mistake of ours; the server has it in its log, without values."""
    text = (
        "The dashboard made a mistake. It has been noted; please tell a platform admin when it happens again."
    )
    return page(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Our mistake", text)


def handle(app: FastAPI) -> None:
    """Let an application show these pages."""
    table: dict[type[Exception], Handler] = {
        SignInNeededError: sign_in_needed,
        RefusedError: refused,
        KubeError: refused,
        NoSuchAppError: no_such_app,
        ForgedError: forged,
        UnreadableError: unreadable,
        BodyTooLargeError: too_large,
        StoreError: no_store,
        UnreachableError: no_history,
        HTTPException: http,
        Exception: unexpected,
    }
    for kind, handler in table.items():
        app.add_exception_handler(kind, handler)
