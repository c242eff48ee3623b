"""Signing in: what the dashboard sends to the identity provider, and what it does not take from it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from app_platform.dashboard.provider import Credential, Provider, ProviderError, SessionOverError, SignInError
from app_platform.dashboard.sessions import SignIn, Token

ISSUER = "https://id.example"
CALLBACK = "https://dashboard.example/auth/callback"
BEGUN = SignIn(until=0, state="a-state", nonce="a-nonce", verifier="v" * 43)
KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"})


@dataclass
class Authelia:
    """An identity provider that a test may spoil.

    Attributes:
        claims: Changes of the ID token's claims; None removes one.
        told: Changes of the user information.
    """

    claims: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    issuer: str = ISSUER
    token_status: int = 200
    userinfo_status: int = 200
    sign: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode(
        {"alg": "RS256", "kid": "one"}, claims, KEY
    )
    asked: list[httpx2.Request] = field(default_factory=list)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """What it says."""
        self.asked.append(request)
        found: dict[str, Callable[[], httpx2.Response]] = {
            "/.well-known/openid-configuration": self._metadata,
            "/jwks.json": lambda: httpx2.Response(200, json=KeySet([KEY]).as_dict(private=False)),
            "/api/oidc/token": self._token,
            "/api/oidc/userinfo": self._userinfo,
        }
        return found[request.url.path]()

    def _metadata(self) -> httpx2.Response:
        paths = {
            "authorization_endpoint": "authorization",
            "token_endpoint": "token",
            "userinfo_endpoint": "userinfo",
        }
        endpoints = {name: f"{ISSUER}/api/oidc/{path}" for name, path in paths.items()}
        return httpx2.Response(
            200, json={"issuer": self.issuer, "jwks_uri": f"{ISSUER}/jwks.json", **endpoints}
        )

    def _token(self) -> httpx2.Response:
        if self.token_status != httpx2.codes.OK:
            return httpx2.Response(
                self.token_status, json={"error": "invalid_client", "error_description": "c4n4ry"}
            )
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": "s",
            "aud": "dashboard",
            "exp": now + 60,
            "iat": now,
            "nonce": "a-nonce",
            **self.claims,
        }
        signed = self.sign({name: each for name, each in claims.items() if each is not None})
        tokens = {
            "access_token": "c4n4ry-access",
            "token_type": "bearer",
            "expires_in": 600,
            "id_token": signed,
        }
        return httpx2.Response(200, json=tokens)

    def _userinfo(self) -> httpx2.Response:
        told = {
            "sub": "s",
            "preferred_username": "ada",
            "groups": ["a", "system:masters"],
            "name": "Ada",
            **self.told,
        }
        return httpx2.Response(self.userinfo_status, json=told)


def provider(authelia: Authelia) -> Provider:
    async def credential() -> Credential:
        return Credential("dashboard", "c4n4ry-secret")

    return Provider(ISSUER, CALLBACK, credential, httpx2.MockTransport(authelia.answer))


async def test_people_are_sent_there_with_state_nonce_and_a_challenge() -> None:
    url = await provider(Authelia()).sign_in_url(BEGUN)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{ISSUER}/api/oidc/authorization?")
    assert (query["state"], query["nonce"], query["redirect_uri"]) == ("a-state", "a-nonce", CALLBACK)
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert BEGUN.verifier not in url
    assert "c4n4ry" not in url


async def test_who_comes_back_is_who_the_user_information_says() -> None:
    authelia = Authelia()
    known = await provider(authelia).redeem("a-code", BEGUN)
    assert (known.person.name, known.person.groups, known.person.shown_name, known.subject) == (
        "ada",
        ("a",),
        "Ada",
        "s",
    )
    assert known.token.until > time.time()
    redeemed = next(request for request in authelia.asked if request.url.path.endswith("/token"))
    assert parse_qs(redeemed.content.decode())["code_verifier"] == [BEGUN.verifier]
    assert "c4n4ry" not in repr(known)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": None}, {"iss": "https://evil.example"}, {"aud": "another"}, {"aud": ["dashboard", "x"], "azp": "x"},
        {"exp": 1}, {"exp": None}, {"sub": None}, {"iat": None},
    ],
)  # fmt: skip
async def test_an_id_token_for_something_else_is_not_taken(claims: dict[str, Any]) -> None:
    with pytest.raises(ProviderError, match="not for this sign-in"):
        await provider(Authelia(claims)).redeem("a-code", BEGUN)


@pytest.mark.parametrize(
    "sign",
    [
        lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, OTHER_KEY),
        lambda claims: jwt.encode(
            {"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(b"c4n4ry-secret" * 3)
        ),
        lambda _claims: "eyJhbGciOiJub25lIn0.e30.",
        lambda _claims: "",
        lambda _claims: "x.y.z",
    ],
)
async def test_only_the_providers_own_signature_counts(sign: Callable[[dict[str, Any]], str]) -> None:
    with pytest.raises(SignInError) as refused:
        await provider(Authelia(sign=sign)).redeem("a-code", BEGUN)
    assert "c4n4ry" not in str(refused.value)


async def test_user_information_of_somebody_else_is_not_taken() -> None:
    with pytest.raises(SessionOverError):
        await provider(Authelia(told={"sub": "another"})).redeem("a-code", BEGUN)


@pytest.mark.parametrize("name", [None, "", "a b", "a\r\nX: y"])
async def test_an_account_whose_name_kubernetes_cannot_be_told_is_refused(name: object) -> None:
    with pytest.raises(SignInError, match="cannot be used here"):
        await provider(Authelia(told={"preferred_username": name})).redeem("a-code", BEGUN)


async def test_a_wrong_secret_is_said_and_not_repeated() -> None:
    with pytest.raises(ProviderError, match="does not know the dashboard's client") as refused:
        await provider(Authelia(token_status=401)).redeem("a-code", BEGUN)
    assert "c4n4ry" not in str(refused.value)


async def test_another_issuer_is_not_talked_to() -> None:
    with pytest.raises(ProviderError, match="names itself otherwise"):
        await provider(Authelia(issuer="https://evil.example")).sign_in_url(BEGUN)


@pytest.mark.parametrize(
    ("status", "error"), [(401, SessionOverError), (403, SessionOverError), (500, ProviderError)]
)
async def test_asked_again_it_vouches_or_is_away(status: int, error: type[Exception]) -> None:
    token = Token(access="c4n4ry", until=time.time() + 60)
    known = await provider(Authelia(told={"groups": ["new"]})).ask_again("s", token)
    assert (known.person.groups, known.token) == (("new",), token)
    with pytest.raises(error) as refused:
        await provider(Authelia(userinfo_status=status)).ask_again("s", token)
    assert "c4n4ry" not in str(refused.value)


async def test_a_provider_that_is_away_is_said() -> None:
    def away(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no", request=request)

    async def credential() -> Credential:
        return Credential("dashboard", "c4n4ry-secret")

    with pytest.raises(ProviderError, match="does not answer"):
        await Provider(ISSUER, CALLBACK, credential, httpx2.MockTransport(away)).sign_in_url(BEGUN)
