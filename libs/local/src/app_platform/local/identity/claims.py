"""Which claims a token or the user information carries. Pure; the tables are those of Authelia's guide "OpenID Connect 1.0 Claims".

A scope makes its claims available at the user information endpoint. The ID token says no more than that somebody signed in,
unless the client's claims policy names further claims *and* the scope they belong to was granted.
"""

import uuid
from collections.abc import Collection, Mapping
from typing import Any, Final

from app_platform.local.identity.users import User

SCOPE_CLAIMS: Final[Mapping[str, tuple[str, ...]]] = {
    "openid": ("rat",),
    "profile": (
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
        "picture", "website", "gender", "birthdate", "zoneinfo", "locale",
    ),
    "email": ("email", "email_verified", "alt_emails"),
    "groups": ("groups",),
    "offline_access": (),
}  # fmt: skip
POLICY_CLAIMS: Final = frozenset(claim for claims in SCOPE_CLAIMS.values() for claim in claims)
"""What a claims policy may add to ID tokens."""

_USERS: Final = uuid.UUID("6f5c1f0c-8a0e-5c1c-9a51-0a5c1b6d7e21")  # any constant: the root of subjects


def subject(username: str) -> str:
    """The `sub` of a user: a UUID that stays the same, and says nothing about the name to those who do not know it."""
    return str(uuid.uuid5(_USERS, username))


def granted_claims(user: User, scopes: Collection[str], requested_at: int) -> dict[str, Any]:
    """All claims that some scopes make available; those that the user has no value for are left out."""
    available = _claims(user) | {"rat": requested_at}
    allowed = {claim for scope in scopes for claim in SCOPE_CLAIMS.get(scope, ())}
    return {
        claim: value for claim, value in available.items() if claim in allowed and value not in ("", None)
    }


def id_token_claims(
    user: User, scopes: Collection[str], requested_at: int, policy: Collection[str]
) -> dict[str, Any]:
    """What a claims policy adds to an ID token."""
    return {
        claim: value for claim, value in granted_claims(user, scopes, requested_at).items() if claim in policy
    }


def _claims(user: User) -> dict[str, Any]:
    details = user.details
    plain = {claim: getattr(details, claim) for claim in SCOPE_CLAIMS["profile"] if hasattr(details, claim)}
    email = {"email": details.email, "email_verified": True, "alt_emails": []} if details.email else {}
    return {
        **plain,
        "name": details.displayname,
        "preferred_username": user.name,
        "groups": list(details.groups),
        **email,
    }
