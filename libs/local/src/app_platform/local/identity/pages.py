"""What people see: sign-in, consent, sign-out, and why a request cannot be served. Plain HTML without scripts.

Every form carries a token of the session. The address to go on to after sign-in can only be the provider's own authorization
endpoint, so that nobody can be sent elsewhere.
"""

import sys
from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from app_platform.local.identity import sessions
from app_platform.local.identity.users import Users

AUTHORIZATION_PATH = "/api/oidc/authorization"

Page = str | Response | tuple[str, int]


def blueprint(users: Users, note: str) -> Blueprint:
    """The routes for people.

    Args:
        users: who may sign in.
        note: a line for the sign-in page.
    """
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    def home() -> Page:
        current = sessions.signed_in(users)
        return redirect("/login") if current is None else _home(current)

    @pages.get("/login")
    def show_login() -> Page:
        return _login(note, onward(request.args.get("next", "")))

    @pages.post("/login")
    def login() -> Page:
        next_path = onward(request.form.get("next", ""))
        if not sessions.is_own_form(request.form.get("csrf", "")):
            return _login(note, next_path, "The form was too old. Please try again.", HTTPStatus.BAD_REQUEST)
        user = users.authenticate(request.form.get("username", ""), request.form.get("password", ""))
        if user is None:
            _say("a sign-in failed")  # not whose: people type passwords into the wrong field
            return _login(note, next_path, "Wrong user name or password.", HTTPStatus.UNAUTHORIZED)
        sessions.sign_in(user)
        _say(f"{user.name} signed in")
        return redirect(next_path or "/", HTTPStatus.SEE_OTHER)

    @pages.get("/logout")
    def show_logout() -> Page:
        return render_template("logout.html", csrf=sessions.csrf_token())

    @pages.post("/logout")
    def logout() -> Page:
        if not sessions.is_own_form(request.form.get("csrf", "")):
            return refusal("The form was too old. Please try again.")
        sessions.sign_out()
        return redirect("/login", HTTPStatus.SEE_OTHER)

    return pages


def onward(path: str) -> str:
    """Where sign-in may lead to: the authorization endpoint with its query, or nowhere."""
    return path if path.startswith(f"{AUTHORIZATION_PATH}?") else ""


def refusal(reason: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> tuple[str, int]:
    """A page that says why a request is not served."""
    return render_template("refusal.html", reason=reason), status


def _home(current: sessions.SignedIn) -> str:
    details = current.user.details
    return render_template("home.html", name=current.user.name, details=details, csrf=sessions.csrf_token())


def _login(note: str, next_path: str, error: str = "", status: HTTPStatus = HTTPStatus.OK) -> tuple[str, int]:
    page = render_template("login.html", note=note, next=next_path, error=error, csrf=sessions.csrf_token())
    return page, status


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
