"""The ID token (OpenID Connect Core 1.0, section 2), signed with RS256."""

import time
import uuid
from typing import Any

from authlib.oidc.core import OpenIDCode
from joserfc.jwk import RSAKey

from app_platform.local.identity.claims import id_token_claims, subject
from app_platform.local.identity.clients import Client
from app_platform.local.identity.keys import ALGORITHM
from app_platform.local.identity.parts import ID_TOKEN_SECONDS, EndUser, Parts


class SignedIdentity(OpenIDCode):
    """The ID token, for Authlib's grants."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._parts = parts

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        """A nonce is for the client to check; Authelia does not remember them either."""
        return False

    def resolve_client_private_key(self, client: Client) -> RSAKey:
        """One key for all clients."""
        return self._parts.key

    def get_client_algorithm(self, client: Client) -> str:
        """The only one there is."""
        return ALGORITHM

    def get_encode_header(self, client: Client) -> dict[str, Any]:
        """With the key's id, so that clients find it in the key set."""
        return {"alg": ALGORITHM, "kid": self._parts.key.kid}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        """What is the same in all ID tokens for a client."""
        return {
            "iss": self._parts.issuer,
            "aud": [client.client_id],
            "azp": client.client_id,
            "exp": int(time.time()) + ID_TOKEN_SECONDS,
            "jti": str(uuid.uuid4()),
        }

    def generate_user_info(self, user: EndUser, scope: str) -> dict[str, Any]:
        """What an ID token says of the user: who it is, and what the client's claims policy adds."""
        grant = user.grant
        policy = self._parts.registry.id_token_claims[grant.client_id]
        return {
            "sub": subject(user.user.name),
            "auth_time": grant.auth_time,
            "amr": grant.get_amr(),
            **id_token_claims(user.user, scope.split(), grant.requested_at, policy),
        }
