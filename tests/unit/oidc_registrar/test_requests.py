"""Every refusal of a labelled Secret, and what comes of one that is right."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import names
from app_platform.oidc_registrar import checking, rendering, requests
from app_platform.oidc_registrar.ports import ClientSecret
from app_platform.oidc_registrar.requests import Refused, Request
from support.fakes.oidc import RULES, client_secret
from support.samples import CANARY

DIGEST = "$pbkdf2-sha512$310000$" + "a" * 22 + "$" + "b" * 86


def read(secret: ClientSecret) -> Request:
    return requests.read("my-app", secret, RULES)


def outcome(secret: ClientSecret) -> Request | str:
    """What is asked for, or why it is refused."""
    try:
        return read(secret)
    except Refused as reason:
        return str(reason)


def labelled(**labels: str) -> ClientSecret:
    named = {getattr(names, key): value for key, value in labels.items()}
    secret = client_secret()
    return replace(secret, labels={**secret.labels, **named})


def test_the_guides_secret_is_enough() -> None:
    request = read(client_secret("app", "my-app"))
    assert request.client_id == "my-app"
    assert request.redirect_uris == ("https://app.my-app.hcl.labrats.work/api/auth/oidc/callback",)
    assert request.scopes == ("openid", "profile", "email", "groups")
    assert (request.public, request.pkce, request.auth_method) == (False, False, "client_secret_basic")


@pytest.mark.parametrize(
    ("hostname", "says"),
    [
        ("", "empty"),
        ("*.hcl.labrats.work", "wildcard"),
        ("a.hcl.labrats.work:8443", "port"),
        ("https://a.hcl.labrats.work", "scheme"),
        ("a.hcl.labrats.work/x", "path"),
        ("user@a.hcl.labrats.work", "user"),
        ("a.hcl.labrats.work\n", "line breaks"),
        ("a.hcl.labrats.work\nb", "line breaks"),
        ("a .hcl.labrats.work", "spaces"),
        ("a\\.hcl.labrats.work", "more than a host name"),
        ("A.hcl.labrats.work", "lower-case"),
        ("a..hcl.labrats.work", "DNS name"),
        (".hcl.labrats.work", "DNS name"),
        ("a.hcl.labrats.work.", "DNS name"),
        ("-a.hcl.labrats.work", "DNS name"),
        ("a_b.hcl.labrats.work", "DNS name"),
        ("ä.hcl.labrats.work", "DNS name"),
        ("\uff11.hcl.labrats.work", "DNS name"),
        ("a\x00.hcl.labrats.work", "DNS name"),
        ("127.0.0.1", "DNS name"),
        ("[::1]", "more than a host name"),
        (f"{'a' * 64}.hcl.labrats.work", "DNS name"),
        (".".join(["a" * 60] * 5) + ".hcl.labrats.work", "DNS name"),
        ("a.example.org", "outside the domains"),
        ("hcl.labrats.work", "outside the domains"),
        ("xhcl.labrats.work", "outside the domains"),
        ("a.hcl.labrats.work.example.org", "outside the domains"),
        ("my-id.hcl.labrats.work", "kept for the platform"),
    ],
)
def test_a_hostname_that_is_refused(hostname: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        read(client_secret(hostname=hostname))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "start with '/'"),
        ("callback", "start with '/'"),
        ("//evil.example.org/callback", "single slashes"),
        ("/a//b", "single slashes"),
        ("/a/../b", r"'\.\.'"),
        ("/a/./b", r"'\.'"),
        ("/a/%2e%2e/b", "nothing encoded"),
        ("/a?b=c", "query"),
        ("/a#b", "fragment"),
        ("/a\n", "may hold letters"),
        ("/a\x7f", "may hold letters"),
        ("/a b", "may hold letters"),
        ("/a\\b", "may hold letters"),
        ("/ä", "may hold letters"),
        ("/" + "a" * 256, "at most 256"),
    ],
)
def test_a_callback_path_that_is_refused(path: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        read(client_secret(callbackPath=path))
    if path:
        with pytest.raises(Refused, match="extraCallbackPaths"):
            read(client_secret(extraCallbackPaths=path if " " not in path and "\n" not in path else "a/b"))


@pytest.mark.parametrize("path", ["/", "/a", "/a/", "/oauth2/callback", "/a.b_c~d/@x:y+z", "/..."])
def test_a_callback_path_that_is_taken(path: str) -> None:
    assert read(client_secret(callbackPath=path)).paths == (path,)


@pytest.mark.parametrize(
    "client_id", ["", "-a", "a-", "a b", "a/b", "a\nb", "a:b", "a~b", "ä", "a" * 64, "a\n", '"', "{}", "&a"]
)
def test_a_client_id_that_is_refused(client_id: str) -> None:
    with pytest.raises(Refused, match="client id of at most 63 letters"):
        read(labelled(OIDC_CLIENT_LABEL=client_id))


@pytest.mark.parametrize("client_id", ["a", "my-app", "My.App_2", "a" * 63])
def test_a_client_id_that_is_taken(client_id: str) -> None:
    assert read(labelled(OIDC_CLIENT_LABEL=client_id)).client_id == client_id


def test_labels_and_types_that_are_refused() -> None:
    for secret, says in [
        (labelled(APP_LABEL="other"), "set the label labrats.work/app to 'my-app'"),
        (replace(client_secret(), labels={names.OIDC_CLIENT_LABEL: "web"}), "set the label labrats.work/app"),
        (labelled(SECRET_INTENT_LABEL="true"), "cannot be both"),
        (labelled(MANAGED_BY_LABEL="app-platform"), "take off the label"),
        (replace(client_secret(), type="kubernetes.io/tls"), "type Opaque"),
        (replace(client_secret(), immutable=True), "without 'immutable'"),
    ]:
        with pytest.raises(Refused, match=says):
            read(secret)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"callbackpath": "/a"}, "remove the key 'callbackpath'"),
        ({"scopes": "openid admin"}, "scopes may hold openid, profile, email, groups, offline_access"),
        ({"scopes": "profile"}, "must hold openid"),
        ({"scopes": ""}, "must hold openid"),
        ({"public": "yes"}, "public is one of true, false"),
        ({"public": "true", "tokenEndpointAuthMethod": "client_secret_post"}, "no secret to show"),
        ({"public": "true", "requirePkce": "false"}, "must always use PKCE"),
        ({"requirePkce": "1"}, "requirePkce is one of"),
        ({"consent": "never"}, "consent is one of explicit, implicit, pre-configured"),
        ({"consent": "implicit", "scopes": "openid offline_access"}, "exclude each other"),
        ({"tokenEndpointAuthMethod": "none"}, "tokenEndpointAuthMethod is one of"),
        ({"extraCallbackPaths": "/api/auth/oidc/callback"}, "named twice"),
        ({"extraCallbackPaths": "/a /a"}, "named twice"),
        ({"extraCallbackPaths": " ".join(f"/{n}" for n in range(10))}, "at most 9"),
        ({"scopes": "o" * 5000}, "longer than 4096"),
    ],
)
def test_optional_keys_that_are_refused(data: dict[str, str], says: str) -> None:
    with pytest.raises(Refused, match=says):
        read(client_secret(**data))


def test_a_value_that_is_not_text_and_a_missing_hostname_are_refused() -> None:
    with pytest.raises(Refused, match="'hostname' is not text"):
        read(replace(client_secret(), data={"hostname": b"\xff"}))
    with pytest.raises(Refused, match="add the key 'hostname'"):
        read(replace(client_secret(), data={}))


def test_optional_keys_shape_the_client() -> None:
    request = read(
        client_secret(
            extraCallbackPaths="/a, /b\n/c",
            scopes="groups openid offline_access",
            consent="pre-configured",
            requirePkce="true",
            tokenEndpointAuthMethod="client_secret_post",
        )
    )
    entry = rendering.entry(request, DIGEST, "one_factor")
    assert [uri.rpartition("/")[2] for uri in entry["redirect_uris"]] == ["callback", "a", "b", "c"]
    assert entry["scopes"] == ["openid", "groups", "offline_access"]
    assert entry["grant_types"] == ["authorization_code", "refresh_token"]
    assert (entry["require_pkce"], entry["pkce_challenge_method"]) == (True, "S256")
    assert (entry["consent_mode"], entry["token_endpoint_auth_method"]) == (
        "pre-configured",
        "client_secret_post",
    )
    assert checking.faults(entry) == []


def test_a_public_client_has_no_secret_and_always_pkce() -> None:
    entry = rendering.entry(read(client_secret(public="true")), "", "two_factor")
    assert "client_secret" not in entry
    assert (entry["public"], entry["require_pkce"], entry["token_endpoint_auth_method"]) == (
        True,
        True,
        "none",
    )
    assert checking.faults(entry) == []


KEYS = ["callbackPath", "extraCallbackPaths", "scopes", "public", "consent", "requirePkce", "hostname"]
NASTY = st.text(alphabet=st.sampled_from("/a.-_ \n\t:#\"'{}[]&*!|>%@`$,\\\x00é\u2028"), max_size=40)


@given(st.text(max_size=70), st.dictionaries(st.sampled_from(KEYS), NASTY, max_size=3))
def test_whatever_is_in_a_secret_one_client_or_none_comes_of_it(client_id: str, data: dict[str, str]) -> None:
    secret = client_secret("x", client_id, **data)
    request = outcome(secret)
    if isinstance(request, str):
        assert "\n" not in request
        return
    entry = rendering.entry(request, DIGEST, "two_factor")
    assert checking.faults(entry) == []
    file = rendering.render(rendering.ClientList({client_id: entry}))
    oidc = yaml.safe_load(file)["identity_providers"]["oidc"]
    assert oidc["clients"] == [dict(entry)]
    assert list(oidc["claims_policies"]) == ["app-platform"]


@given(st.sampled_from([*KEYS, "clientSecret", "other"]), st.text(max_size=20))
def test_no_refusal_repeats_a_value(key: str, rest: str) -> None:
    data: dict[str, Any] = {key: f"{CANARY}{rest}\n"}
    found = outcome(client_secret(**data))
    assert isinstance(found, Request) or CANARY not in found
