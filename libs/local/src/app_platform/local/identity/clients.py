"""A client and a claims policy as Authelia's configuration has them.

Every rule is one that Authelia documents (configuration reference, "OpenID Connect 1.0 Clients" and "Provider", v4.39), with its
message in the terms of the file. Where Authelia offers a choice that the local provider does not have, only the value that it
does have is accepted. A property that Authelia does not know is an error.
"""

from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from app_platform.local.identity import digests
from app_platform.local.identity.claims import POLICY_CLAIMS
from app_platform.local.identity.durations import Duration

CLIENT_ID: Final = r"^[A-Za-z0-9._~-]{1,100}$"
"""RFC 3986 unreserved characters, at most a hundred: Authelia's rule for `client_id`."""

Scope = Literal["openid", "offline_access", "profile", "email", "groups"]
AuthMethod = Literal["", "none", "client_secret_basic", "client_secret_post"]
Unsigned = Literal["", "none"]
SignedByDefault = Literal["", "RS256"]


def _known_digest(digest: str) -> str:
    if not digests.is_known(digest):
        raise ValueError(digests.WHY_UNKNOWN)
    return digest


def _known_claim(claim: str) -> str:
    if claim not in POLICY_CLAIMS:
        raise ValueError(
            f"'{claim}' is no claim that a policy can add: use {', '.join(sorted(POLICY_CLAIMS))}"
        )
    return claim


def _redirect_uri(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ValueError(f"'{uri}' must be an absolute http or https URI without a fragment")
    return uri


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _unique(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("must not name a value twice")
    return values


class Part(BaseModel):
    """A part of the file: knows all its properties, converts nothing, and shows no value in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class ClaimsPolicy(Part):
    """What a client's tokens say beyond the minimum. Custom claims and merged audiences are not there locally."""

    id_token: list[Annotated[str, AfterValidator(_known_claim)]] = Field(default_factory=list)
    access_token: Annotated[list[str], Field(max_length=0)] = Field(default_factory=list)
    id_token_audience_mode: Literal["", "specification"] = ""
    custom_claims: Annotated[dict[str, Any], Field(max_length=0)] = Field(default_factory=dict)


class Client(Part):
    """One client, with Authelia's defaults. The methods are those that Authlib asks a client for (`ClientMixin`)."""

    client_id: Annotated[str, Field(pattern=CLIENT_ID)]
    client_name: str = ""
    client_secret: Annotated[str, AfterValidator(_known_digest)] | None = Field(default=None, repr=False)
    public: bool = False
    redirect_uris: Annotated[
        list[Annotated[str, AfterValidator(_redirect_uri)]],
        BeforeValidator(_as_list),
        AfterValidator(_unique),
    ] = Field(default_factory=list)
    scopes: Annotated[list[Scope], AfterValidator(_unique)]
    grant_types: Annotated[list[Literal["authorization_code", "refresh_token"]], AfterValidator(_unique)] = [
        "authorization_code"
    ]
    response_types: list[Literal["code"]] = ["code"]
    response_modes: list[Literal["query", "form_post"]] = ["query", "form_post"]
    authorization_policy: Literal["one_factor", "two_factor"] = "two_factor"
    claims_policy: str = ""
    consent_mode: Literal["auto", "explicit", "implicit", "pre-configured"] = "auto"
    pre_configured_consent_duration: Duration | None = None
    require_pkce: bool = False
    pkce_challenge_method: Literal["", "plain", "S256"] = ""
    token_endpoint_auth_method: AuthMethod = ""
    revocation_endpoint_auth_method: AuthMethod = ""

    # Accepted only with the value that means what this provider does anyway.
    audience: Annotated[list[str], Field(max_length=0)] = Field(default_factory=list)
    request_uris: Annotated[list[str], Field(max_length=0)] = Field(default_factory=list)
    requested_audience_mode: Literal["", "explicit"] = ""
    lifespan: Literal[""] = ""
    require_pushed_authorization_requests: Literal[False] = False
    allow_multiple_auth_methods: Literal[False] = False
    id_token_signed_response_alg: SignedByDefault = ""
    authorization_signed_response_alg: Literal["", "none", "RS256"] = ""
    access_token_signed_response_alg: Unsigned = ""
    userinfo_signed_response_alg: Unsigned = ""
    introspection_signed_response_alg: Unsigned = ""
    introspection_endpoint_auth_method: AuthMethod = ""
    pushed_authorization_request_endpoint_auth_method: AuthMethod = ""

    @model_validator(mode="after")
    def _secret_fits_type(self) -> Self:
        methods = {
            "token_endpoint_auth_method": self.token_endpoint_auth_method,
            "revocation_endpoint_auth_method": self.revocation_endpoint_auth_method,
        }
        if self.public and self.client_secret is not None:
            raise ValueError("option 'client_secret' must be absent for a public client")
        if not self.public and self.client_secret is None:
            raise ValueError("option 'client_secret' is required for a confidential client")
        for name, method in methods.items():
            if method and (method == "none") != self.public:
                raise ValueError(f"option '{name}' must be 'none' for public clients and only for those")
        return self

    @property
    def name(self) -> str:
        """What the consent page calls it."""
        return self.client_name or self.client_id

    @property
    def pkce_required(self) -> bool:
        """Whether a code challenge is demanded; of public clients always, which is Authelia's default `enforce_pkce`."""
        return self.public or self.require_pkce or bool(self.pkce_challenge_method)

    @property
    def pkce_method(self) -> str:
        """The only challenge method accepted. `plain` only where the client itself demands it."""
        return self.pkce_challenge_method or "S256"

    @property
    def remembers_consent_for(self) -> int:
        """Seconds for which a consent may be remembered; 0 if it may not."""
        duration = self.pre_configured_consent_duration
        if self.consent_mode == "pre-configured":
            return 7 * 24 * 3600 if duration is None else duration
        return duration or 0 if self.consent_mode == "auto" else 0

    def get_client_id(self) -> str:
        """For Authlib."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: OpenID Connect requires the parameter (Core 1.0, section 3.1.2.1)."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The scopes asked for, or None, which refuses the request, if one of them is not the client's."""
        asked = (scope or "").split()
        return " ".join(asked) if set(asked) <= set(self.scopes) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exactly, character by character."""
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Against the digest."""
        return self.client_secret is not None and digests.verify(self.client_secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Only the method that the client is registered with."""
        registered = {
            "token": self.token_endpoint_auth_method,
            "revocation": self.revocation_endpoint_auth_method,
        }[endpoint]
        return method == (registered or ("none" if self.public else "client_secret_basic"))

    def check_response_type(self, response_type: str) -> bool:
        """For Authlib."""
        return response_type in self.response_types

    def check_grant_type(self, grant_type: str) -> bool:
        """For Authlib."""
        return grant_type in self.grant_types
