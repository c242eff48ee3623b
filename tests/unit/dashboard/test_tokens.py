"""Bearer tokens: which count, and that none of them is repeated."""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from app_platform.dashboard.tokens import MAX_LENGTH, TokenRefusedError, Tokens

ISSUER, AUDIENCE = "https://id.example.org", "app-platform-dashboard"
FIRST, SECOND = (RSAKey.generate_key(2048, {"kid": kid}) for kid in ("first", "second"))


@dataclass
class Provider:
    """Gives out the keys that it signs with now."""

    keys: list[RSAKey] = field(default_factory=lambda: [FIRST])
    asked: int = 0

    async def __call__(self) -> KeySet:
        self.asked += 1
        return KeySet.import_key_set({"keys": [key.as_dict(private=False) for key in self.keys]})


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "iss": ISSUER, "aud": [AUDIENCE], "sub": "s-1", "exp": now + 600, "iat": now,
        "preferred_username": "ada", "name": "Ada", "groups": ["my-app-admins"],
    }  # fmt: skip
    return {name: value for name, value in (usual | changes).items() if value is not None}


def signed(key: Any = FIRST, algorithm: str = "RS256", **changes: Any) -> str:
    header = {"alg": algorithm, "kid": key.kid} if key.kid else {"alg": algorithm}
    return jwt.encode(header, claims(**changes), key, algorithms=[algorithm])


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def tokens(provider: Provider) -> Tokens:
    return Tokens(ISSUER, [AUDIENCE, "another-client"], provider)


async def test_a_good_token_tells_who_its_bearer_is(tokens: Tokens) -> None:
    who = await tokens.bearer(signed())
    assert (who.name, who.groups, who.display_name) == ("ada", ("my-app-admins",), "Ada")
    assert (await tokens.bearer(signed(aud="another-client"))).name == "ada"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"iss": "https://else.example.org"}, "'iss'"),
        ({"iss": None}, "'iss'"),
        ({"aud": ["my-app"]}, "'aud'"),
        ({"aud": None}, "'aud'"),
        ({"exp": None}, "'exp'"),
        ({"exp": 1_000_000_000}, "expired"),
        ({"exp": "soon"}, "'exp'"),
        ({"nbf": 9_999_999_999}, "'nbf'"),
        ({"sub": None}, "'sub'"),
        ({"preferred_username": None}, "scopes profile"),
        ({"preferred_username": "a\nb"}, "scopes profile"),
        ({"preferred_username": 7}, "scopes profile"),
    ],
)
async def test_claims_that_do_not_fit_are_refused(tokens: Tokens, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(TokenRefusedError, match=says) as refused:
        await tokens.bearer(signed(**changes))
    assert "else.example.org" not in str(refused.value)


async def test_groups_of_kubernetes_itself_are_not_passed_on(tokens: Tokens) -> None:
    who = await tokens.bearer(signed(groups=["system:masters", "my-app-admins"]))
    assert who.groups == ("my-app-admins",)


async def test_other_signatures_are_refused(tokens: Tokens) -> None:
    secret = OctKey.import_key("a secret that both sides might share")
    forged = jwt.encode({"alg": "HS256", "kid": "first"}, claims(), secret, algorithms=["HS256"])
    stranger = RSAKey.generate_key(2048, {"kid": "first"})
    head, body, signature = signed().split(".")
    unsigned = f"eyJhbGciOiJub25lIn0.{body}."
    for text in (
        forged,
        signed(stranger),
        unsigned,
        f"{head}.{body}.{signature[:-4]}AAAA",
        "",
        "a.b",
        "é.é.é",
    ):
        with pytest.raises(TokenRefusedError, match="not signed by the identity provider"):
            await tokens.bearer(text)
    with pytest.raises(TokenRefusedError, match="too long"):
        await tokens.bearer("a" * (MAX_LENGTH + 1))


async def test_keys_are_remembered_and_asked_for_again_when_the_provider_has_new_ones(
    provider: Provider,
) -> None:
    now = 0.0
    tokens = Tokens(ISSUER, [AUDIENCE], provider, clock=lambda: now)
    for _ in range(3):
        await tokens.bearer(signed())
    assert provider.asked == 1
    provider.keys = [SECOND]
    with pytest.raises(TokenRefusedError):
        await tokens.bearer(signed(SECOND))
    assert provider.asked == 1, "an unknown key does not make it ask each time"
    now = 11.0
    await tokens.bearer(signed(SECOND))
    assert provider.asked == 2
    now = 12.0
    with pytest.raises(TokenRefusedError):
        await tokens.bearer(signed(FIRST))
