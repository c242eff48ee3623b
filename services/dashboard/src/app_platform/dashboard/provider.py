"""Signing in with the identity provider: OpenID Connect, authorization code flow with PKCE, through Authlib.

Guarantees: state, nonce, issuer, audience, expiry and signature of the ID token are checked, and that the user information is about
the same subject (OpenID Connect Core 1.0, sections 3.1.3.7 and 5.3.2). Names and groups come from the user information, since
Authelia's ID tokens hold neither unless told to. No error holds a code, a token or the client's secret.
Leaves out: signing out at the provider; Authelia has no endpoint for that.
"""

import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app_platform.dashboard.people import Person, UnusableNameError, person
from app_platform.dashboard.sessions import SignIn, Token

SCOPES: Final = "openid profile email groups"
_REMEMBER_SECONDS: Final = 3600.0
_SECONDS: Final = 10.0
_TOKEN_SECONDS: Final = 3600.0
"""How long a token is good when the provider does not say (RFC 6749, section 5.1)."""
_LEEWAY: Final = 60
_AWAY: Final = "The identity provider does not answer. Please try again in a moment."
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Signatures by a public key; `none` and those by a shared secret are not taken (RFC 8725)."""


class SignInError(Exception):
    """Nobody was signed in; the text is for the person in front of the page."""


class ProviderError(SignInError):
    """The provider is away, or answers what it should not: nothing that the person could change."""


class SessionOverError(SignInError):
    """The provider does not vouch for this person any more."""


@dataclass(frozen=True)
class Credential:
    """The dashboard's own client at the provider."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class SignedIn:
    """Who the provider says it is."""

    person: Person
    subject: str
    token: Token


class Provider:
    """The identity provider.

    Args:
        issuer: As it names itself.
        redirect_uri: Where it sends people back to.
        credential: Finds the dashboard's client; asked at each sign-in, so that a new secret counts at once.
        transport: Instead of the network, for tests.
        trust: What its certificate is checked against, unless that is the system's list of authorities.
    """

    def __init__(
        self,
        issuer: str,
        redirect_uri: str,
        credential: Callable[[], Awaitable[Credential]],
        transport: httpx2.AsyncBaseTransport | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.issuer = issuer
        self._redirect_uri, self._credential, self._transport = redirect_uri, credential, transport
        self._verify = trust or True
        self._metadata: Mapping[str, Any] = {}
        self._read_at = 0.0

    async def sign_in_url(self, begun: SignIn) -> str:
        """Where to send somebody who signs in.

        Raises:
            ProviderError: It is away, or there is no client for the dashboard yet.
        """
        metadata = await self._discovered()
        async with await self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=begun.state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
        return str(url)

    async def redeem(self, code: str, begun: SignIn) -> SignedIn:
        """Who has come back with this code.

        Raises:
            SignInError: The code is not good, or what it gives does not fit what was begun.
        """
        metadata = await self._discovered()
        async with await self._client() as client:
            token = await _asking(
                client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=begun.verifier)
            )
            claims = await self._checked(client, token, begun.nonce)
        until = time.time() + float(token.get("expires_in") or _TOKEN_SECONDS)
        access = Token(access=str(token["access_token"]), until=until)
        return await self._who(metadata, access, str(claims["sub"]))

    async def ask_again(self, subject: str, token: Token) -> SignedIn:
        """Who somebody is now.

        Raises:
            SessionOverError: The provider does not say so any more.
            ProviderError: It is away.
        """
        return await self._who(await self._discovered(), token, subject)

    async def keys(self) -> KeySet:
        """Its public keys now.

        Raises:
            ProviderError: It is away.
        """
        return _key_set(await self._get((await self._discovered())["jwks_uri"]))

    async def _client(self) -> AsyncOAuth2Client:
        credential = await self._credential()
        return AsyncOAuth2Client(
            credential.client_id,
            credential.client_secret,
            token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - the name of a method
            scope=SCOPES,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            timeout=_SECONDS,
            transport=self._transport,
            verify=self._verify,
            trust_env=False,
            follow_redirects=False,
        )

    async def _discovered(self) -> Mapping[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0), remembered for an hour."""
        if self._metadata and time.monotonic() - self._read_at < _REMEMBER_SECONDS:
            return self._metadata
        url = f"{self.issuer}/.well-known/openid-configuration"
        metadata = await self._get(url)
        if metadata.get("issuer") != self.issuer:
            raise ProviderError("The identity provider names itself otherwise than the dashboard was told.")
        self._metadata, self._read_at = metadata, time.monotonic()
        return metadata

    async def _checked(
        self, client: AsyncOAuth2Client, token: Mapping[str, Any], nonce: str
    ) -> Mapping[str, Any]:
        """The claims of the ID token, after all checks."""
        keys = await self.keys()
        wanted = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": client.client_id},
        }
        params = {"nonce": nonce, "client_id": client.client_id, "access_token": token.get("access_token")}
        try:
            decoded = jwt.decode(str(token.get("id_token", "")), keys, list(ALGORITHMS))
            claims = CodeIDToken(decoded.claims, decoded.header, wanted, params)
            claims.validate(leeway=_LEEWAY)
        except (JoseError, AuthlibBaseError, ValueError, KeyError):
            raise ProviderError(
                "What the identity provider signed is not for this sign-in. Please try again."
            ) from None
        return decoded.claims

    async def _who(self, metadata: Mapping[str, Any], token: Token, subject: str) -> SignedIn:
        """What the provider tells of the bearer of an access token."""
        claims = await self._get(metadata["userinfo_endpoint"], f"Bearer {token.access}")
        if claims.get("sub") != subject:
            raise SessionOverError("The identity provider speaks of somebody else now.")
        try:
            who = person(claims.get("preferred_username"), claims.get("groups"), claims.get("name"))
        except UnusableNameError as error:
            raise SignInError(f"The identity provider's account cannot be used here: {error}.") from None
        return SignedIn(who, subject, token)

    async def _get(self, url: str, authorization: str = "") -> Mapping[str, Any]:
        """The JSON object at an address of the provider."""
        headers = {
            "Accept": "application/json",
            **({"Authorization": authorization} if authorization else {}),
        }
        try:
            async with httpx2.AsyncClient(
                timeout=_SECONDS, transport=self._transport, verify=self._verify, trust_env=False
            ) as http:
                response = await http.get(url, headers=headers)
            if response.status_code in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
                raise SessionOverError("Your session at the identity provider has ended.")
            response.raise_for_status()
            content = response.json()
        except (httpx2.HTTPError, ValueError):
            raise ProviderError(_AWAY) from None
        if not isinstance(content, dict):
            raise ProviderError("The identity provider does not answer as it should.")
        return content


async def _asking(answer: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The answer of the token endpoint, its errors in words; what the provider says is not repeated, it may quote the code."""
    try:
        return await answer
    except AuthlibBaseError as error:
        if error.error in ("invalid_client", "unauthorized_client"):
            raise ProviderError(
                "The identity provider does not know the dashboard's client, or its secret."
            ) from None
        raise SessionOverError(
            "The identity provider did not accept this sign-in. Please try again."
        ) from None
    except (httpx2.HTTPError, ValueError):
        raise ProviderError(_AWAY) from None


def _key_set(content: Mapping[str, Any]) -> KeySet:
    """The provider's public keys (RFC 7517); those of a kind that nobody here knows are no reason to fail."""
    known = [key for key in content.get("keys", []) if key.get("kty") in ("RSA", "EC", "OKP")]
    return KeySet.import_key_set({"keys": known})
