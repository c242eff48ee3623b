"""Who is signed in at the provider: a signed cookie that holds a name and a time, and a token that its forms must send back.

A cookie says nothing that its owner may not read. It ends an hour after the password was given, with the browser, or at sign-out.
"""

import hmac
import secrets
import time
from dataclasses import dataclass

from flask import session

from app_platform.local.identity.users import User, Users

COOKIE = "authelia_session"  # Authelia's own default
_LONGEST_SECONDS = 3600


@dataclass(frozen=True)
class SignedIn:
    """A user, and when the password was given (seconds of the epoch)."""

    user: User
    auth_time: int


def signed_in(users: Users) -> SignedIn | None:
    """Who the cookie of this request names, if that is still so."""
    name, auth_time = session.get("user"), session.get("auth_time", 0)
    user = users.find(name) if name and time.time() - auth_time < _LONGEST_SECONDS else None
    return SignedIn(user, auth_time) if user else None


def sign_in(user: User) -> None:
    """Name the user in the cookie; nothing of an earlier session stays."""
    session.clear()
    session.update(user=user.name, auth_time=int(time.time()))


def sign_out() -> None:
    """Forget the user."""
    session.clear()


def csrf_token() -> str:
    """What the forms of this session must send back."""
    token: str = session.setdefault("csrf", secrets.token_urlsafe(16))
    return token


def is_own_form(sent: str) -> bool:
    """Whether a form that was sent is one of this session."""
    return hmac.compare_digest(session.get("csrf", "").encode(), sent.encode()) and bool(sent)
