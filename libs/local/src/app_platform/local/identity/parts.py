"""What the flows work with, and who a code or a token speaks for."""

import uuid
from dataclasses import dataclass
from typing import Final

from joserfc.jwk import RSAKey

from app_platform.local.identity.registry import Registry
from app_platform.local.identity.store import Grant, Store
from app_platform.local.identity.users import User, Users

CODE_SECONDS: Final = 60
ACCESS_SECONDS: Final = 3600
REFRESH_SECONDS: Final = 5400
ID_TOKEN_SECONDS: Final = 3600
"""Authelia's default lifespans."""


@dataclass(frozen=True)
class Parts:
    """What the flows work with."""

    issuer: str
    registry: Registry
    users: Users
    store: Store
    key: RSAKey


@dataclass(frozen=True)
class EndUser:
    """A signed-in user, as one client sees the sign-in: what `request.user` is in Authlib."""

    user: User
    grant: Grant


def end_user(parts: Parts, grant: Grant) -> EndUser | None:
    """Who a code or token speaks for, if that user may still sign in."""
    user = parts.users.find(grant.username)
    return EndUser(user, grant) if user else None


def new_family() -> str:
    """A name for one sign-in at one client."""
    return str(uuid.uuid4())
