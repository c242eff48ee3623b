"""Clients and users for the OpenID provider, and a browser that signs in: used against the real process and without sockets.

A client here is the standard one (Authlib), told of the provider by its discovery document alone.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx2
import yaml
from argon2 import PasswordHasher
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # passlib uses the module `crypt`, for other digests than ours
    from passlib.hash import pbkdf2_sha512

SECRET = "canary-client-secret~0123456789"
PASSWORD = "canary-password"
CALLBACK = "https://app.my-app.hcl.labrats.work/api/auth/oidc/callback"
SCOPE = "openid profile email groups"

# The client's digest is made by another implementation than the one that checks it. Few rounds: these are tests.
SECRET_DIGEST: str = pbkdf2_sha512.using(rounds=1000, salt_size=16).hash(SECRET)
PASSWORD_DIGEST: str = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)

POLICIES = {"app-platform": {"id_token": ["groups", "email", "email_verified", "name", "preferred_username"]}}


def client(**changes: Any) -> dict[str, Any]:
    """A client as oidc-registrar renders it, with changes; None removes an option."""
    options = {
        "client_id": "my-app",
        "client_name": "My App",
        "client_secret": SECRET_DIGEST,
        "public": False,
        "redirect_uris": [CALLBACK],
        "scopes": SCOPE.split(),
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "authorization_policy": "one_factor",
        "claims_policy": "app-platform",
        "consent_mode": "implicit",
        "require_pkce": True,
        "pkce_challenge_method": "S256",
        "token_endpoint_auth_method": "client_secret_basic",
    } | changes
    return {name: value for name, value in options.items() if value is not None}


def clients_file(*clients: Mapping[str, Any], policies: Mapping[str, Any] | None = None) -> str:
    """The text of a clients file; with the usual client if none is given."""
    listed = [dict(each) for each in clients] or [client()]
    oidc = {"claims_policies": POLICIES if policies is None else dict(policies), "clients": listed}
    return yaml.safe_dump({"identity_providers": {"oidc": oidc}})


def users_file(**changes: Mapping[str, Any]) -> str:
    """The text of a users file with `ada` and `gone` (disabled), and changes."""
    ada = {
        "displayname": "Ada Admin",
        "email": "ada@example.com",
        "groups": ["my-app-admins", "everybody"],
        "password": PASSWORD_DIGEST,
    }
    users = {"ada": ada, "gone": {**ada, "disabled": True}, **changes}
    return yaml.safe_dump({"users": users})


@dataclass
class Relying:
    """An application that signs its users in.

    Attributes:
        transport: how it reaches the provider; None for the network.
    """

    issuer: str
    client_id: str = "my-app"
    secret: str | None = SECRET
    redirect_uri: str = CALLBACK
    scope: str = SCOPE
    auth_method: str = "client_secret_basic"
    verifier: str | None = "v" * 64
    transport: httpx2.BaseTransport | None = None

    def __post_init__(self) -> None:
        with httpx2.Client(transport=self.transport) as http:
            self.metadata = http.get(f"{self.issuer}/.well-known/openid-configuration").json()
        self.oauth = OAuth2Client(
            self.client_id,
            self.secret,
            token_endpoint_auth_method=self.auth_method,
            redirect_uri=self.redirect_uri,
            scope=self.scope,
            code_challenge_method="S256",
            transport=self.transport,
        )
        self.nonce = "a-nonce-of-the-app"

    def authorization_url(self, **more: str) -> str:
        """Where to send the browser."""
        parameters = {"nonce": self.nonce, **more}
        url, self.state = self.oauth.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=self.verifier, **parameters
        )
        return cast("str", url)

    def tokens(self, callback: str, **more: str) -> dict[str, Any]:
        """Exchange the code of a callback URL.

        Raises:
            OAuthError: the provider refuses.
        """
        verifier = {"code_verifier": self.verifier} if self.verifier else {}
        return cast(
            "dict[str, Any]",
            self.oauth.fetch_token(
                self.metadata["token_endpoint"],
                authorization_response=callback,
                state=self.state,
                **(verifier | more),
            ),
        )

    def claims(self, id_token: str) -> dict[str, Any]:
        """The claims of an ID token after checking its signature with the provider's published keys."""
        with httpx2.Client(transport=self.transport) as http:
            keys = KeySet.import_key_set(http.get(self.metadata["jwks_uri"]).json())
        token = jwt.decode(id_token, keys, algorithms=["RS256"])
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
        ).validate(token.claims)
        return token.claims

    def user_information(self) -> dict[str, Any]:
        """What the user information endpoint says for the tokens had last."""
        return cast("dict[str, Any]", self.oauth.get(self.metadata["userinfo_endpoint"]).json())


class Browser:
    """A browser without scripts: follows redirects within the provider and sends the forms of its pages."""

    def __init__(self, issuer: str, transport: httpx2.BaseTransport | None = None) -> None:
        self.issuer = issuer
        self.http = httpx2.Client(transport=transport, base_url=issuer)

    def open(self, url: str) -> httpx2.Response:
        """The page or the redirect away from the provider that a URL leads to."""
        return self._follow(self.http.get(url))

    def send(self, page: httpx2.Response, **fields: str) -> httpx2.Response:
        """Fill in the form of a page and send it."""
        action = unescape(_first(r'<form method="post" action="([^"]+)"', page.text))
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        data = {name: unescape(value) for name, value in hidden} | fields
        return self._follow(self.http.post(action, data=data))

    def sign_in(self, url: str, username: str = "ada", password: str = PASSWORD) -> httpx2.Response:
        """Open a URL that asks for sign-in, and sign in."""
        return self.send(self.open(url), username=username, password=password)

    def _follow(self, response: httpx2.Response) -> httpx2.Response:
        while response.has_redirect_location and not self._leaves(response):
            response = self.http.get(response.headers["location"])
        return response

    def _leaves(self, response: httpx2.Response) -> bool:
        location: str = response.headers["location"]
        return not location.startswith(("/", f"{self.issuer}/"))


def location(response: httpx2.Response) -> str:
    """Where a response redirects to; fails if it does not."""
    assert response.has_redirect_location, f"{response.status_code}: {response.text}"
    target: str = response.headers["location"]
    return target


def query(url: str) -> dict[str, str]:
    """The query parameters of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, f"no {pattern} in {text}"
    return found[1]
