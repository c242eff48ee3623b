"""Who may do what: pure decisions from a request's credentials and path."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from enum import Enum

from app_platform.local.git.store import Credential

ADMINISTRATOR = "admin"


class Verdict(Enum):
    """The answer to a request, as an HTTP status."""

    ALLOWED = 200
    UNKNOWN = 401
    FORBIDDEN = 403


def basic_credentials(header: str) -> tuple[str, str] | None:
    """User name and password of an Authorization header; none if it holds no such thing."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


def is_administrator(header: str, token: str) -> bool:
    """Whether the header holds the administrator's token, as Bearer or as the password of `admin`."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return _same(value, token)
    user, password = basic_credentials(header) or ("", "")
    return user == ADMINISTRATOR and _same(password, token)


def may_access(header: str, token: str, credentials: Mapping[str, Credential], *, write: bool) -> Verdict:
    """Decide on one Git request.

    Args:
        header: the Authorization header; empty if there is none.
        token: the administrator's.
        credentials: of the repository asked for; empty if it does not exist, which looks the same from outside.
        write: whether it is a push.
    """
    if is_administrator(header, token):
        return Verdict.ALLOWED
    user, password = basic_credentials(header) or ("", "")
    credential = credentials.get(user)
    if credential is None or not credential.accepts(password):
        return Verdict.UNKNOWN
    return Verdict.FORBIDDEN if write and credential.access != "write" else Verdict.ALLOWED


def is_write(path: str, service: str) -> bool:
    """Whether a Git request belongs to a push.

    Args:
        path: below the repository, such as `info/refs`.
        service: the `service` query parameter; empty if there is none.
    """
    return "git-receive-pack" in (path, service)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
