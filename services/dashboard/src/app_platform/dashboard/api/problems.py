"""Errors of the API as problem details (RFC 9457), ``application/problem+json``.

Guarantees: nothing that was sent is repeated, as it may be secret; nothing of our inside is told.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app_platform.dashboard import oidc_forms, secret_forms, words
from app_platform.dashboard.access import RefusedError
from app_platform.dashboard.provider import SignInError
from app_platform.dashboard.tokens import TokenRefusedError
from app_platform.dashboard.web.errors import STATUSES
from app_platform.dashboard.web.shield import BodyTooLargeError
from app_platform.kube import KubeError
from app_platform.runtime.consumers import UnreachableError

MEDIA_TYPE: Final = "application/problem+json"
_REALM: Final = "app-platform"
_BUSY: Final = "What happened cannot be looked up just now. Please try again in a moment."
Handler = Callable[[Request, Any], Awaitable[Response]]


class NoTokenError(Exception):
    """The request has no bearer token."""


class FaultError(ValueError):
    """What was asked for cannot be; the text says what to change."""


class NoSuchAppError(Exception):
    """There is no such app, or its bearer may not know of it: the same answer for both."""


def problem(
    status: HTTPStatus,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem; ``errors`` name the parts at fault by a JSON pointer (RFC 6901)."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def no_token(_request: Request, _error: NoTokenError) -> Response:
    """As RFC 6750, section 3.1 has it: no error code where nothing was shown."""
    detail = "Send a token of the identity provider in the header Authorization: Bearer …"
    return problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": f'Bearer realm="{_REALM}"'})


async def token_refused(_request: Request, error: TokenRefusedError) -> Response:
    """The token does not count."""
    challenge = f'Bearer realm="{_REALM}", error="invalid_token"'
    return problem(HTTPStatus.UNAUTHORIZED, f"Refused: {error}.", headers={"WWW-Authenticate": challenge})


async def provider_away(_request: Request, error: SignInError) -> Response:
    """Nobody can be known now."""
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


async def no_such_app(_request: Request, _error: NoSuchAppError) -> Response:
    """The same for an app that does not exist and one that is not theirs."""
    return problem(HTTPStatus.NOT_FOUND, "There is no such app, or none of your groups has a role in it.")


async def refused(_request: Request, error: KubeError | RefusedError) -> Response:
    """Kubernetes says no, or nothing."""
    status = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), HTTPStatus.CONFLICT)
    return problem(status, words.sentence(error))


async def fault(_request: Request, error: FaultError) -> Response:
    """What cannot be as it was asked for."""
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


async def faulty_secret(_request: Request, error: secret_forms.FormFaultError) -> Response:
    """A secret that cannot be as it was asked for."""
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(error.faults))


async def faulty_client(_request: Request, error: oidc_forms.FormFaultError) -> Response:
    """A client that cannot be as it was asked for."""
    errors = [{"pointer": f"/{field}", "detail": fault} for field, fault in error.faults.items()]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(error.faults.values()), errors)


async def invalid(_request: Request, error: RequestValidationError) -> Response:
    """The request is not as described; says where and what, not what was sent."""
    errors = [
        {"pointer": "/" + "/".join(str(part) for part in each["loc"][1:]), "detail": str(each["msg"])}
        for each in error.errors()
    ]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not as it is described.", errors)


async def too_large(_request: Request, _error: BodyTooLargeError) -> Response:
    """Too much."""
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A secret holds at most 1 MiB in all.")


async def no_history(_request: Request, _error: UnreachableError) -> Response:
    """The event store is away."""
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, _BUSY)


async def http(request: Request, error: HTTPException) -> Response:
    """Whatever the framework refuses."""
    if isinstance(error.__cause__, BodyTooLargeError):  # while it read the body as JSON
        return await too_large(request, error.__cause__)
    status = HTTPStatus(error.status_code)
    return problem(status, f"{status.description or status.phrase}.", headers=error.headers)


async def unexpected(_request: Request, _error: Exception) -> Response:
    """A mistake of ours; the server has it in its log, without values."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "The dashboard made a mistake. Please tell a platform admin."
    )


def handle(app: FastAPI) -> None:
    """Let the API answer with these."""
    table: dict[type[Exception], Handler] = {
        NoTokenError: no_token,
        TokenRefusedError: token_refused,
        SignInError: provider_away,
        NoSuchAppError: no_such_app,
        RefusedError: refused,
        KubeError: refused,
        FaultError: fault,
        secret_forms.FormFaultError: faulty_secret,
        oidc_forms.FormFaultError: faulty_client,
        RequestValidationError: invalid,
        BodyTooLargeError: too_large,
        UnreachableError: no_history,
        HTTPException: http,
        Exception: unexpected,
    }
    for kind, handler in table.items():
        app.add_exception_handler(kind, handler)
