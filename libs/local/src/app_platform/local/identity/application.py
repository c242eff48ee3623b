"""The WSGI application: all routes over one set of files, with headers that keep pages to themselves."""

from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from werkzeug.wrappers import Response

from app_platform.local.identity import authorization, endpoints, keys, pages
from app_platform.local.identity.grants import Server
from app_platform.local.identity.parts import Parts
from app_platform.local.identity.registry import load_clients
from app_platform.local.identity.sessions import COOKIE
from app_platform.local.identity.store import Store
from app_platform.local.identity.users import Users

# No `form-action`: browsers apply it to the redirects after a form too, and those lead to the clients.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_LARGEST_FORM = 64 << 10


@dataclass(frozen=True)
class Files:
    """Where the provider finds and keeps things.

    Attributes:
        clients: Authelia's clients file.
        users: Authelia's users file.
        state: a folder for keys and tokens; only the owner may read it.
    """

    clients: Path
    users: Path
    state: Path


def create_application(files: Files, issuer: str, note: str = "") -> Flask:
    """The provider.

    Args:
        files: see `Files`.
        issuer: the URL under which browsers and clients reach it.
        note: a line for the sign-in page.

    Raises:
        ConfigurationError: a file cannot be served; says what to change.
    """
    registry, users = load_clients(files.clients), Users(files.users)
    files.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    parts = Parts(
        issuer, registry, users, Store(files.state / "tokens.sqlite"), keys.signing_key(files.state)
    )
    app = Flask("app_platform.local.identity")
    app.config.update(
        SECRET_KEY=keys.cookie_key(files.state),
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=issuer.startswith("https://"),
        MAX_CONTENT_LENGTH=_LARGEST_FORM,
    )
    server = Server(app, parts)
    app.register_blueprint(pages.blueprint(users, note))
    app.register_blueprint(authorization.blueprint(server, parts))
    app.register_blueprint(endpoints.blueprint(server, parts))
    app.after_request(_with_headers)
    return app


def _with_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
