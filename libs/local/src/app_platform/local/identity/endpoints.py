"""What programs call: discovery, keys, tokens, user information, revocation, health; under Authelia's paths."""

from typing import Any

from authlib.integrations.flask_oauth2 import ResourceProtector
from flask import Blueprint, jsonify
from werkzeug.wrappers import Response

from app_platform.local.identity.claims import SCOPE_CLAIMS, granted_claims, subject
from app_platform.local.identity.grants import AUTH_METHODS, AccessTokens, Server
from app_platform.local.identity.keys import ALGORITHM, public_keys
from app_platform.local.identity.pages import AUTHORIZATION_PATH
from app_platform.local.identity.parts import Parts, end_user


def blueprint(server: Server, parts: Parts) -> Blueprint:
    """The routes for programs."""
    routes = Blueprint("endpoints", __name__)
    protected = ResourceProtector()
    protected.register_token_validator(AccessTokens(parts.store))

    @routes.get("/.well-known/openid-configuration")
    @routes.get("/.well-known/oauth-authorization-server")
    def discovery() -> Response:
        return jsonify(metadata(parts.issuer))

    @routes.get("/jwks.json")
    def keys() -> Response:
        return jsonify(public_keys(parts.key))

    @routes.get("/api/health")
    def health() -> Response:
        return jsonify(status="OK")

    @routes.post("/api/oidc/token")
    def token() -> Any:
        try:
            return server.create_token_response()
        except ValueError:  # as in `authorization`
            return jsonify(
                error="invalid_request", error_description="a parameter holds forbidden characters"
            ), 400

    @routes.post("/api/oidc/revocation")
    def revocation() -> Any:
        return server.create_endpoint_response("revocation")

    @routes.route("/api/oidc/userinfo", methods=["GET", "POST"])
    def userinfo() -> Response | tuple[Response, int]:
        with protected.acquire("openid") as token:
            known = end_user(parts, token)
        if known is None:
            return jsonify(error="invalid_token", error_description="the user may not sign in any more"), 401
        scopes, requested_at = known.grant.scope.split(), known.grant.requested_at
        return jsonify({"sub": subject(known.user.name), **granted_claims(known.user, scopes, requested_at)})

    return routes


def metadata(issuer: str) -> dict[str, Any]:
    """The discovery document (OpenID Connect Discovery 1.0, section 3; RFC 8414)."""
    claims = sorted({claim for claims in SCOPE_CLAIMS.values() for claim in claims})
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}{AUTHORIZATION_PATH}",
        "token_endpoint": f"{issuer}/api/oidc/token",
        "userinfo_endpoint": f"{issuer}/api/oidc/userinfo",
        "revocation_endpoint": f"{issuer}/api/oidc/revocation",
        "jwks_uri": f"{issuer}/jwks.json",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "code_challenge_methods_supported": ["S256", "plain"],
        "scopes_supported": list(SCOPE_CLAIMS),
        "claims_supported": [
            "iss",
            "sub",
            "aud",
            "azp",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "amr",
            "jti",
            *claims,
        ],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }
