"""The clients file: what is loaded, and what stops the provider, in words that say what to change."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from app_platform.local.identity.errors import ConfigurationError
from app_platform.local.identity.registry import parse_clients
from support.identity import SECRET, SECRET_DIGEST, client, clients_file


def test_a_file_is_loaded() -> None:
    registry = parse_clients(clients_file(client(), client(client_id="other", claims_policy=None)))
    found = registry.find("my-app")
    assert found is not None
    assert found.check_client_secret(SECRET)
    assert not found.check_client_secret(SECRET + "x")
    assert registry.find("nobody") is None
    assert "groups" in registry.id_token_claims["my-app"]
    assert registry.id_token_claims["other"] == frozenset()


def test_defaults_are_those_of_authelia() -> None:
    minimal = {"client_id": "a", "client_secret": SECRET_DIGEST, "scopes": ["openid"]}
    found = parse_clients(clients_file(minimal)).find("a")
    assert found is not None
    assert (found.name, found.authorization_policy, found.grant_types) == (
        "a",
        "two_factor",
        ["authorization_code"],
    )
    assert (found.pkce_required, found.remembers_consent_for) == (False, 0)
    assert found.check_endpoint_auth_method("client_secret_basic", "token")
    assert not found.check_endpoint_auth_method("client_secret_post", "token")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"client_id": "a/b"}, "client 'a/b': client_id: String should match pattern"),
        ({"client_id": "a" * 101}, "client_id: String should match pattern"),
        ({"client_id": "a\n"}, "client_id: String should match pattern"),
        ({"client_id": None}, "client_id: Field required"),
        ({"scopes": None}, "client 'my-app': scopes: Field required"),
        ({"scopes": ["openid", "world"]}, "client 'my-app': scopes: 1: Input should be"),
        ({"client_secret": None}, "'client_secret' is required for a confidential client"),
        ({"client_secret": SECRET}, "client_secret: must be a pbkdf2 or argon2 digest"),
        ({"client_secret": f"$plaintext${SECRET}"}, "client_secret: must be a pbkdf2 or argon2 digest"),
        ({"public": True}, "'client_secret' must be absent for a public client"),
        ({"public": "no"}, "client 'my-app': public: Input should be a valid boolean"),
        (
            {"public": True, "client_secret": None},
            "'token_endpoint_auth_method' must be 'none' for public clients and only for those",
        ),
        ({"token_endpoint_auth_method": "none"}, "'token_endpoint_auth_method' must be 'none' for public"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "token_endpoint_auth_method: Input should be"),
        (
            {"redirect_uris": ["/callback"]},
            "redirect_uris: 0: '/callback' must be an absolute http or https URI",
        ),
        ({"redirect_uris": ["ftp://host/"]}, "redirect_uris: 0: 'ftp://host/' must be an absolute"),
        ({"redirect_uris": ["https://a/", "https://a/"]}, "redirect_uris: must not name a value twice"),
        ({"claims_policy": "missing"}, "client 'my-app': option 'claims_policy' names 'missing'"),
        (
            {"authorization_policy": "bypass"},
            "authorization_policy: Input should be 'one_factor' or 'two_factor'",
        ),
        ({"consent_mode": "never"}, "consent_mode: Input should be"),
        ({"pkce_challenge_method": "S512"}, "pkce_challenge_method: Input should be"),
        ({"pre_configured_consent_duration": "soon"}, "must be a duration such as '1 week'"),
        ({"grant_types": ["client_credentials"]}, "grant_types: 0: Input should be"),
        (
            {"id_token_signed_response_alg": "ES256"},
            "id_token_signed_response_alg: Input should be '' or 'RS256'",
        ),
        ({"colour": "blue"}, "client 'my-app': colour: Extra inputs are not permitted"),
    ],
)
def test_a_broken_client_is_named_with_what_to_change(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_clients(clients_file(client(**changes)))
    assert complaint in str(refusal.value)
    assert SECRET not in str(refusal.value)
    assert SECRET_DIGEST not in str(refusal.value)


def _twice(file: dict[str, Any]) -> None:
    file["identity_providers"]["oidc"]["clients"] *= 2


def _none(file: dict[str, Any]) -> None:
    file["identity_providers"]["oidc"]["clients"] = []


def _foreign(file: dict[str, Any]) -> None:
    file["session"] = {}


def _policy(file: dict[str, Any]) -> None:
    file["identity_providers"]["oidc"]["claims_policies"]["app-platform"]["id_token"] = ["shoe_size"]


def _custom(file: dict[str, Any]) -> None:
    file["identity_providers"]["oidc"]["claims_policies"]["app-platform"]["custom_claims"] = {"a": {}}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_twice, "client 'my-app': option 'client_id' must be unique"),
        (_none, "option 'clients' must have one or more clients configured"),
        (_foreign, "session: Extra inputs are not permitted"),
        (
            _policy,
            "claims_policies: app-platform: id_token: 0: 'shoe_size' is no claim that a policy can add",
        ),
        (_custom, "custom_claims: Dictionary should have at most 0 items"),
    ],
)
def test_a_broken_file_is_refused(spoil: Callable[[dict[str, Any]], None], complaint: str) -> None:
    file = yaml.safe_load(clients_file())
    spoil(file)
    with pytest.raises(ConfigurationError) as refusal:
        parse_clients(yaml.safe_dump(file))
    assert complaint in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[]", "clients: [", "a: \x00", f"a: {SECRET_DIGEST}\n b: -"])
def test_what_is_no_such_file_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_clients(text)
    assert "pbkdf2" not in str(refusal.value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_clients(clients_file(client(scopes=["x"]), client(client_id="b", colour="blue")))
    assert len(str(refusal.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"consent_mode": "explicit", "pre_configured_consent_duration": "1 week"}, 0),
        ({"consent_mode": "auto", "pre_configured_consent_duration": "1 hour and 30 minutes"}, 5400),
        ({"consent_mode": "auto", "pre_configured_consent_duration": 90}, 90),
        ({"consent_mode": "pre-configured"}, 604800),
        ({"consent_mode": "pre-configured", "pre_configured_consent_duration": "2M1d"}, 61 * 86400),
        ({"consent_mode": "implicit", "pre_configured_consent_duration": "1w"}, 0),
    ],
)
def test_how_long_a_consent_may_be_remembered(options: dict[str, Any], seconds: int) -> None:
    found = parse_clients(clients_file(client(**options))).find("my-app")
    assert found is not None
    assert found.remembers_consent_for == seconds
