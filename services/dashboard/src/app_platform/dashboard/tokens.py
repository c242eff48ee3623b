"""Bearer tokens of the HTTP API: JSON Web Tokens that the identity provider signed for one of the clients that are accepted.

ID tokens (OpenID Connect Core 1.0) and access tokens in JWT form (RFC 9068) alike, as both tell who their bearer is. Guarantees: signature
by a public key of the provider, issuer, audience, expiry and the time from which on it counts are checked (RFC 8725); no error repeats
anything of a token. Leaves out: tokens that are no JWT, as Authelia's access tokens by default, and withdrawal before their end, which is an
hour at most with Authelia's defaults.
"""

import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry, Token

from app_platform.dashboard.people import Person, UnusableNameError, person
from app_platform.dashboard.provider import ALGORITHMS

MAX_LENGTH: Final = 16_384
_LEEWAY: Final = 60
_KEYS_SECONDS: Final = 300.0
_ANEW_SECONDS: Final = 10.0
"""How soon keys are asked for again when a token names one that is not known: the provider may have changed them."""


class TokenRefusedError(Exception):
    """The token does not count; the text says why, for its bearer."""


class Tokens:
    """Checks tokens.

    Args:
        issuer: Of the identity provider.
        audiences: Client ids that are accepted.
        keys: Asks the provider for its public keys; may raise ``ProviderError``.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        issuer: str,
        audiences: Collection[str],
        keys: Callable[[], Awaitable[KeySet]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._claims = JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "values": list(audiences)},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._ask, self._clock = keys, clock
        self._keys: KeySet | None = None
        self._asked_at = 0.0

    async def bearer(self, text: str) -> Person:
        """Whose token it is.

        Raises:
            TokenRefusedError: It does not count.
            ProviderError: The provider is away, and its keys are not known.
        """
        if len(text) > MAX_LENGTH:
            raise TokenRefusedError("the token is too long")
        token = await self._decoded(text)
        try:
            self._claims.validate(token.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise TokenRefusedError(_why(error)) from None
        try:
            return person(
                token.claims.get("preferred_username"), token.claims.get("groups"), token.claims.get("name")
            )
        except UnusableNameError:
            raise TokenRefusedError(
                "the token does not tell who its bearer is: ask for the scopes profile and groups"
            ) from None

    async def _decoded(self, text: str) -> Token:
        try:
            return jwt.decode(text, await self._known(_KEYS_SECONDS), list(ALGORITHMS))
        except InvalidKeyIdError:
            pass  # its key may be newer than what is known
        except (JoseError, ValueError, TypeError):
            raise TokenRefusedError("the token is not signed by the identity provider") from None
        try:
            return jwt.decode(text, await self._known(_ANEW_SECONDS), list(ALGORITHMS))
        except (JoseError, ValueError, TypeError):
            raise TokenRefusedError("the token is not signed by the identity provider") from None

    async def _known(self, seconds: float) -> KeySet:
        """The provider's keys, not older than this."""
        if self._keys is None or self._clock() - self._asked_at > seconds:
            self._keys, self._asked_at = await self._ask(), self._clock()
        return self._keys


def _why(error: Exception) -> str:
    """Which claim is wrong; its value is not repeated."""
    code = getattr(error, "error", "")
    claim = getattr(error, "claim", "")
    if code == "expired_token":
        return "the token has expired: get another one"
    return (
        f"its claim {claim!r} is missing or not what is expected"
        if claim
        else "its claims are not what is expected"
    )
