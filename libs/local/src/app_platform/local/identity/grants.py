"""The flows: authorization code with PKCE, and refresh tokens that are used once. Authlib runs them; this says what it asks for.

Beyond Authlib's own checks it is demanded, as Authelia does: a `state` of at least eight characters, a `nonce` of at least eight if
there is one, PKCE by the client's own rules, `offline_access` for a refresh token.
"""

from typing import Any, Final

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidRequestError, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask, Response

from app_platform.local.identity.clients import Client
from app_platform.local.identity.id_token import SignedIdentity
from app_platform.local.identity.parts import (
    ACCESS_SECONDS,
    CODE_SECONDS,
    REFRESH_SECONDS,
    EndUser,
    Parts,
    end_user,
)
from app_platform.local.identity.store import Grant, Store

AUTH_METHODS: Final = ["client_secret_basic", "client_secret_post", "none"]
_SHORTEST_PARAMETER: Final = 8  # Authelia's `minimum_parameter_entropy`


class Server(AuthorizationServer):
    """Authlib's server with both flows and the revocation endpoint."""

    def __init__(self, app: Flask, parts: Parts) -> None:
        app.config["OAUTH2_TOKEN_EXPIRES_IN"] = dict.fromkeys(
            ("authorization_code", "refresh_token"), ACCESS_SECONDS
        )
        app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
        super().__init__(app)
        self.parts = parts
        signed = SignedIdentity(parts)
        self.register_extension(Issuer(parts.issuer))
        self.register_grant(CodeGrant, [signed, Entropy(), Challenge(required=True)])
        self.register_grant(RefreshGrant, [signed])
        self.register_endpoint(Revocation)

    def query_client(self, client_id: str) -> Client | None:
        """The client of this id, if there is one."""
        return self.parts.registry.find(client_id)

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Keep what was issued."""
        grant: Grant = request.user.grant.narrowed(token.get("scope", ""))
        self.parts.store.put("access", token["access_token"], grant, ACCESS_SECONDS)
        if "refresh_token" in token:
            self.parts.store.put("refresh", token["refresh_token"], grant, REFRESH_SECONDS)


class CodeGrant(grants.AuthorizationCodeGrant):
    """The authorization code flow."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    @staticmethod
    def validate_authorization_redirect_uri(request: Any, client: Client) -> str:
        """The parameter must be there, and be one of the client's; the answer does not repeat it."""
        asked: str | None = request.payload.redirect_uri
        if not asked or not client.check_redirect_uri(asked):
            raise InvalidRequestError(
                "The parameter redirect_uri must be one that the client is registered with."
            )
        return asked

    def generate_token(self, *args: Any, **kwargs: Any) -> Any:
        """A refresh token only for those who were granted `offline_access`."""
        kwargs["include_refresh_token"] &= "offline_access" in kwargs["scope"].split()
        return super().generate_token(*args, **kwargs)

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Keep what the user has just agreed to."""
        self.server.parts.store.put("code", code, request.user.grant, CODE_SECONDS)

    def query_authorization_code(self, code: str, client: Client) -> Grant | None:
        """What a code stands for. Asking uses it up, so that of two who bring it at once only one is served."""
        grant: Grant | None = self.server.parts.store.redeem("code", code)
        return grant if grant and grant.check_client(client) else None

    def delete_authorization_code(self, authorization_code: Grant) -> None:
        """It is used up already, and stays known as such until it expires."""

    def authenticate_user(self, authorization_code: Grant) -> EndUser | None:
        """The user, unless disabled or removed meanwhile."""
        return end_user(self.server.parts, authorization_code)


class RefreshGrant(grants.RefreshTokenGrant):
    """New tokens for a refresh token, which is used up by that."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Grant | None:
        """What the token stands for. Asking uses it up."""
        grant: Grant | None = self.server.parts.store.redeem("refresh", refresh_token)
        return grant

    def authenticate_user(self, refresh_token: Grant) -> EndUser | None:
        """The user, unless disabled or removed meanwhile."""
        return end_user(self.server.parts, refresh_token)

    def revoke_old_credential(self, refresh_token: Grant) -> None:
        """It is used up already."""


class Challenge(CodeChallenge):
    """PKCE (RFC 7636), demanded and by the method that the client's registration says."""

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Check the authorization request."""
        client: Client = grant.request.client
        asked = grant.request.payload.data
        if client.pkce_required and not asked.get("code_challenge"):
            raise InvalidRequestError("this client must use PKCE: send 'code_challenge'")
        if (
            asked.get("code_challenge")
            and (asked.get("code_challenge_method") or "plain") != client.pkce_method
        ):
            raise InvalidRequestError(f"this client must send 'code_challenge_method={client.pkce_method}'")
        super().validate_code_challenge(grant, redirect_uri)


class Entropy:
    """Refuses what could be guessed: an extension of the code grant."""

    def __call__(self, grant: Any) -> None:
        """Hook into the grant."""
        grant.register_hook("after_validate_authorization_request_payload", self.check)

    def check(self, grant: Any, redirect_uri: str) -> None:
        """Check the authorization request."""
        asked = grant.request.payload.data
        if len(asked.get("state", "")) < _SHORTEST_PARAMETER:
            raise InvalidRequestError(f"'state' must have at least {_SHORTEST_PARAMETER} characters")
        if asked.get("nonce") and len(asked["nonce"]) < _SHORTEST_PARAMETER:
            raise InvalidRequestError(f"'nonce' must have at least {_SHORTEST_PARAMETER} characters")
        if asked.get("response_mode", "query") != "query":
            raise InvalidRequestError("the local provider answers with 'response_mode=query' only")


class Issuer(IssuerParameter):
    """RFC 9207: every authorization response names the issuer."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        """For Authlib."""
        return self._issuer

    def named(self, response: Response) -> Response:
        """A response that Authlib's own hook does not see: an error before anybody could agree."""
        self.add_issuer_parameter(None, response)
        return response


class Revocation(RevocationEndpoint):
    """RFC 7009. Revoking one token ends all of its sign-in at that client."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> Grant | None:
        """The hint is not needed to find it."""
        store: Store = self.server.parts.store
        return store.find("access", token_string) or store.find("refresh", token_string)

    def revoke_token(self, token: Grant, request: Any) -> None:
        """Forget it and its relatives."""
        self.server.parts.store.revoke(token.family)


class AccessTokens(BearerTokenValidator):
    """Who may ask for user information."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def authenticate_token(self, token_string: str) -> Grant | None:
        """What an access token stands for."""
        return self._store.find("access", token_string)
