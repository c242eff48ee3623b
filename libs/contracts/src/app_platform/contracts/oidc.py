"""What a Secret that asks for an OIDC client may hold, and what is said on it.

The words that its authors, the dashboard and oidc-registrar share.
Leaves out: which values are taken; oidc-registrar checks them, and says on the Secret what to change.
"""

from typing import Final

HOSTNAME: Final = "hostname"
"""The only key that must be there."""
CALLBACK_PATH: Final = "callbackPath"
EXTRA_CALLBACK_PATHS: Final = "extraCallbackPaths"
SCOPES: Final = "scopes"
PUBLIC: Final = "public"
CONSENT: Final = "consent"
REQUIRE_PKCE: Final = "requirePkce"
AUTH_METHOD: Final = "tokenEndpointAuthMethod"
CLIENT_SECRET: Final = "clientSecret"  # noqa: S105 - the name of an entry, not its content
"""Made by oidc-registrar."""
KEYS: Final = (
    HOSTNAME,
    CALLBACK_PATH,
    EXTRA_CALLBACK_PATHS,
    SCOPES,
    PUBLIC,
    CONSENT,
    REQUIRE_PKCE,
    AUTH_METHOD,
)
"""What an author may write."""

DEFAULT_CALLBACK_PATH: Final = "/api/auth/oidc/callback"
DEFAULT_SCOPES: Final = ("openid", "profile", "email", "groups")
ALL_SCOPES: Final = (*DEFAULT_SCOPES, "offline_access")
CONSENTS: Final = ("explicit", "implicit", "pre-configured")
"""Whether users are asked to agree: each time, never, or once in a while; the first is the default."""
AUTH_METHODS: Final = ("client_secret_basic", "client_secret_post")
"""How the app shows its secret; the first is the default."""

PENDING: Final = "Pending"
REGISTERED: Final = "Registered"
FAILED: Final = "Failed: "
"""Followed by what to change."""
