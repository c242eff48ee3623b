"""The authorization endpoint: from a client's request, over sign-in and consent, to a code at the client's redirect URI.

What is wrong with the client or its redirect URI is shown here; everything else is told to the client, there (RFC 6749 section
4.1.2.1).
"""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError
from flask import Blueprint, abort, make_response, redirect, render_template, request
from werkzeug.datastructures import MultiDict

from app_platform.local.identity import sessions
from app_platform.local.identity.clients import Client
from app_platform.local.identity.grants import Issuer, Server
from app_platform.local.identity.pages import AUTHORIZATION_PATH, Page, refusal
from app_platform.local.identity.parts import EndUser, Parts, new_family
from app_platform.local.identity.sessions import SignedIn
from app_platform.local.identity.store import Grant

SCOPE_WORDS: Mapping[str, str] = {
    "openid": "know that you signed in",
    "profile": "see your name",
    "email": "see your e-mail address",
    "groups": "see your groups",
    "offline_access": "do all this also while you are away",
}
_REDIRECT_SECONDS = 10  # that `max_age` may be exceeded by, on the way back from the sign-in page


def blueprint(server: Server, parts: Parts) -> Blueprint:
    """The endpoint and the answer of its consent page."""
    routes = Blueprint("authorization", __name__)

    @routes.route(AUTHORIZATION_PATH, methods=["GET", "POST"])
    def authorize() -> Page:
        current = sessions.signed_in(parts.users)
        grant = _validated(server, current)
        if current is None or _is_stale(current, request.values):
            return _ask(server, grant, LoginRequiredError, lambda: _to_sign_in(request.values))
        if not _has_consent(parts, grant, current):
            return _ask(server, grant, ConsentRequiredError, lambda: _consent_page(grant, current))
        return _answer(server, grant, current)

    @routes.post("/consent")
    def decide() -> Page:
        current = sessions.signed_in(parts.users)
        grant = _validated(server, current)
        if current is None or not sessions.is_own_form(request.form.get("csrf", "")):
            return redirect(_again(request.args), HTTPStatus.SEE_OTHER)
        if request.form.get("decision") != "accept":
            return _answer(server, grant, None)
        if request.form.get("remember"):
            _remember(parts, grant, current)
        return _answer(server, grant, current)

    return routes


_NO_SECOND_FACTOR = (
    "{} asks for a second factor (authorization_policy: two_factor), which the local provider does not have. "
    "With Authelia it would be asked for; here, register the client with one_factor."
)


def _validated(server: Server, current: SignedIn | None) -> Any:
    """The request as a grant with a known client; ends the request with the answer that refuses it."""
    try:
        grant = server.get_consent_grant(end_user=current)
    except OAuth2Error as error:
        if error.redirect_uri:
            abort(Issuer(server.parts.issuer).named(server.handle_error_response(request, error)))
        abort(make_response(refusal(error.description or error.error)))
    except (
        ValueError
    ):  # Authlib's errors name what was sent, and refuse to if it has characters that errors may not have
        abort(make_response(refusal("The request holds characters that none of its parameters may have.")))
    if current is not None and grant.client.authorization_policy != "one_factor":
        reason = _NO_SECOND_FACTOR.format(grant.client.name)
        abort(make_response(refusal(reason, HTTPStatus.FORBIDDEN)))
    return grant


def _ask(server: Server, grant: Any, silently: type[OAuth2Error], page: Callable[[], Page]) -> Page:
    """A page that asks the user; or, for a client that wants nobody to be asked, the error that says what would have been."""
    if "none" not in request.values.get("prompt", "").split():
        return page()
    error = silently(redirect_uri=grant.redirect_uri, state=grant.request.payload.state)
    response: Page = Issuer(server.parts.issuer).named(server.handle_error_response(grant.request, error))
    return response


def _is_stale(current: SignedIn, asked: MultiDict[str, str]) -> bool:
    """Whether the client wants the password to be given anew (OpenID Connect Core 1.0, section 3.1.2.1)."""
    if "login" in asked.get("prompt", "").split():
        return True
    oldest = asked.get("max_age", type=int)
    return oldest is not None and time.time() - current.auth_time > max(oldest, _REDIRECT_SECONDS)


def _to_sign_in(asked: MultiDict[str, str]) -> Page:
    """To the sign-in page, and from there here again; `prompt=login` is answered by that."""
    return redirect(f"/login?{urlencode({'next': _again(asked)})}", HTTPStatus.SEE_OTHER)


def _again(asked: MultiDict[str, str]) -> str:
    kept = [(name, value) for name, value in asked.items(multi=True) if (name, value) != ("prompt", "login")]
    return f"{AUTHORIZATION_PATH}?{urlencode(kept)}"


def _has_consent(parts: Parts, grant: Any, current: SignedIn) -> bool:
    if "consent" in request.values.get("prompt", "").split():
        return False
    if grant.client.consent_mode == "implicit":
        return True
    remembers = grant.client.remembers_consent_for > 0
    return remembers and parts.store.find("consent", _consent_key(grant, current)) is not None


def _remember(parts: Parts, grant: Any, current: SignedIn) -> None:
    if grant.client.remembers_consent_for:
        agreed = _agreed(grant, current)
        parts.store.put("consent", _consent_key(grant, current), agreed, grant.client.remembers_consent_for)


def _consent_key(grant: Any, current: SignedIn) -> str:
    """As with Authelia, a remembered consent is for the same user, client and scopes."""
    scopes = " ".join(sorted(grant.request.scope.split()))
    return f"{grant.client.client_id}\n{current.user.name}\n{scopes}"


def _consent_page(grant: Any, current: SignedIn) -> Page:
    client: Client = grant.client
    return render_template(
        "consent.html",
        client=client,
        user=current.user,
        scopes=[(scope, SCOPE_WORDS[scope]) for scope in grant.request.scope.split()],
        action=f"/consent?{urlencode(list(request.values.items(multi=True)))}",
        may_remember=client.remembers_consent_for > 0,
        csrf=sessions.csrf_token(),
    )


def _answer(server: Server, grant: Any, current: SignedIn | None) -> Page:
    """Back to the client, with a code, or with `access_denied`."""
    user = EndUser(current.user, _agreed(grant, current)) if current else None
    response: Page = server.create_authorization_response(grant.request, grant_user=user, grant=grant)
    return response


def _agreed(grant: Any, current: SignedIn) -> Grant:
    """What the user has agreed to."""
    asked = grant.request.payload.data
    return Grant(
        family=new_family(),
        client_id=grant.client.client_id,
        username=current.user.name,
        scope=grant.request.scope,
        auth_time=current.auth_time,
        requested_at=int(time.time()),
        redirect_uri=grant.redirect_uri,
        nonce=asked.get("nonce", ""),
        code_challenge=asked.get("code_challenge", ""),
        code_challenge_method=asked.get("code_challenge_method", ""),
    )
