"""The whole provider without a socket: a browser and a standard client walk through it, rightly and wrongly."""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from authlib.integrations.base_client import OAuthError

from app_platform.local.identity.application import Files, create_application
from app_platform.local.identity.claims import subject
from app_platform.local.identity.keys import signing_key
from support.identity import (
    CALLBACK,
    PASSWORD,
    SECRET,
    Browser,
    Relying,
    client,
    clients_file,
    location,
    query,
    users_file,
)

ISSUER = "http://127.0.0.1"

Start = Callable[..., httpx2.WSGITransport]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signing key: making one takes long."""
    folder = tmp_path_factory.mktemp("keys")
    signing_key(folder)
    return folder


@pytest.fixture
def start(tmp_path: Path, keys: Path) -> Start:
    """Starts the provider with these clients; again with the same state."""
    (tmp_path / "users.yml").write_text(users_file())
    shutil.copytree(keys, tmp_path / "state")

    def serve(*clients: dict[str, Any]) -> httpx2.WSGITransport:
        (tmp_path / "clients.yml").write_text(clients_file(*clients))
        files = Files(tmp_path / "clients.yml", tmp_path / "users.yml", tmp_path / "state")
        return httpx2.WSGITransport(app=create_application(files, ISSUER))

    return serve


def both(transport: httpx2.WSGITransport, **relying: Any) -> tuple[Browser, Relying]:
    return Browser(ISSUER, transport), Relying(ISSUER, transport=transport, **relying)


@pytest.fixture
def usual(start: Start) -> tuple[Browser, Relying]:
    """A browser and an app at a provider with the usual client."""
    return both(start())


def test_the_code_flow_ends_with_the_groups_in_the_id_token(usual: tuple[Browser, Relying]) -> None:
    browser, app = usual
    callback = location(browser.sign_in(app.authorization_url()))
    assert callback.startswith(f"{CALLBACK}?")
    assert (query(callback)["state"], query(callback)["iss"]) == (app.state, ISSUER)
    tokens = app.tokens(callback)
    claims = app.claims(tokens["id_token"])
    assert claims["groups"] == ["my-app-admins", "everybody"]
    assert (claims["preferred_username"], claims["name"], claims["email"]) == (
        "ada",
        "Ada Admin",
        "ada@example.com",
    )
    assert (claims["nonce"], claims["sub"], claims["amr"]) == (app.nonce, subject("ada"), ["pwd"])
    assert "refresh_token" not in tokens
    said = app.user_information()
    assert (said["sub"], said["groups"]) == (subject("ada"), ["my-app-admins", "everybody"])


def test_who_is_signed_in_is_not_asked_again_until_signed_out(usual: tuple[Browser, Relying]) -> None:
    browser, app = usual
    browser.sign_in(app.authorization_url())
    assert location(browser.open(app.authorization_url())).startswith(CALLBACK)
    browser.send(browser.open("/logout"))
    assert "Sign in" in browser.open(app.authorization_url()).text


def test_the_id_token_is_minimal_without_a_claims_policy(start: Start) -> None:
    browser, app = both(start(client(claims_policy=None)))
    tokens = app.tokens(location(browser.sign_in(app.authorization_url())))
    claims = app.claims(tokens["id_token"])
    assert claims.keys() == {
        "iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "amr", "jti", "at_hash",
    }  # fmt: skip
    assert app.user_information()["groups"] == ["my-app-admins", "everybody"]


def test_a_claim_needs_its_scope_besides_the_policy(usual: tuple[Browser, Relying]) -> None:
    browser, app = usual
    tokens = app.tokens(location(browser.sign_in(app.authorization_url(scope="openid email"))))
    claims = app.claims(tokens["id_token"])
    assert claims["email"] == "ada@example.com"
    assert not {"groups", "name"} & claims.keys()
    assert "groups" not in app.user_information()


@pytest.mark.parametrize(
    ("username", "password"), [("ada", "wrong"), ("gone", PASSWORD), ("nobody", PASSWORD), ("ada", "")]
)
def test_who_does_not_know_the_password_stays_out(
    usual: tuple[Browser, Relying], capsys: pytest.CaptureFixture[str], username: str, password: str
) -> None:
    browser, app = usual
    page = browser.sign_in(app.authorization_url(), username, password)
    assert page.status_code == 401
    assert "Wrong user name or password" in page.text
    assert not (password and password in page.text)
    said = capsys.readouterr()
    assert username not in said.err + said.out


def test_nothing_secret_is_said_when_all_goes_well(
    usual: tuple[Browser, Relying], capsys: pytest.CaptureFixture[str]
) -> None:
    browser, app = usual
    tokens = app.tokens(location(browser.sign_in(app.authorization_url())))
    said = capsys.readouterr()
    for secret in (PASSWORD, SECRET, tokens["access_token"], tokens["id_token"], app.state):
        assert secret not in said.err + said.out


@pytest.mark.parametrize(
    "uri", ["https://evil.example/", CALLBACK + "/", CALLBACK + "?a=b", CALLBACK.upper(), CALLBACK + '"', ""]
)
def test_only_the_registered_redirect_uri_is_served(usual: tuple[Browser, Relying], uri: str) -> None:
    browser, app = usual
    page = browser.open(app.authorization_url(redirect_uri=uri))
    assert page.status_code == 400
    assert "redirect_uri must be one that the client is registered with" in page.text
    assert "location" not in page.headers


def test_an_unknown_client_is_told_so(usual: tuple[Browser, Relying], start: Start) -> None:
    browser, _ = usual
    other = Relying(ISSUER, client_id="other", transport=start())
    page = browser.open(other.authorization_url())
    assert page.status_code == 400
    assert "The client does not exist" in page.text


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"state": "short"}, "invalid_request", "'state' must have at least 8"),
        ({"nonce": "short"}, "invalid_request", "'nonce' must have at least 8"),
        ({"scope": "openid address"}, "invalid_scope", ""),
        ({"response_mode": "form_post"}, "invalid_request", "response_mode"),
        ({"response_type": "token"}, "unsupported_response_type", ""),
        ({"prompt": "none"}, "login_required", ""),
        ({"code_challenge_method": "plain"}, "invalid_request", "code_challenge_method=S256"),
    ],
)
def test_what_the_client_does_wrong_it_is_told(
    usual: tuple[Browser, Relying], changes: dict[str, str], error: str, words: str
) -> None:
    browser, app = usual
    url = httpx2.URL(app.authorization_url()).copy_merge_params(changes)
    answer = query(location(browser.open(str(url))))
    assert answer["error"] == error
    assert words in answer.get("error_description", "")
    assert answer["state"] == changes.get("state", app.state)
    assert "code" not in answer


def test_without_pkce_nothing_is_given(start: Start) -> None:
    browser, app = both(start(), verifier=None)
    answer = query(location(browser.open(app.authorization_url())))
    assert (answer["error"], answer["error_description"]) == (
        "invalid_request",
        "this client must use PKCE: send 'code_challenge'",
    )


def test_pkce_is_optional_where_the_client_says_so(start: Start) -> None:
    browser, app = both(start(client(require_pkce=False, pkce_challenge_method="")), verifier=None)
    assert app.tokens(location(browser.sign_in(app.authorization_url())))["id_token"]


@pytest.mark.parametrize(
    ("relying", "more", "error"),
    [
        ({"secret": "wrong"}, {}, "invalid_client"),
        ({"auth_method": "client_secret_post"}, {}, "invalid_client"),
        ({}, {"code_verifier": "w" * 64}, "invalid_grant"),
        ({}, {"code_verifier": ""}, "invalid_request"),
        ({}, {"redirect_uri": "https://evil.example/"}, "invalid_grant"),
    ],
)
def test_a_code_is_of_no_use_to_others(
    start: Start, relying: dict[str, str], more: dict[str, str], error: str
) -> None:
    browser, app = both(start(), **relying)
    callback = location(browser.sign_in(app.authorization_url()))
    with pytest.raises(OAuthError) as refusal:
        app.tokens(callback, **more)
    assert refusal.value.error == error


def test_a_made_up_code_is_of_no_use(usual: tuple[Browser, Relying]) -> None:
    _, app = usual
    app.authorization_url()
    with pytest.raises(OAuthError) as refusal:
        app.tokens(f"{CALLBACK}?code=made-up&state={app.state}")
    assert refusal.value.error == "invalid_grant"


def test_a_code_of_one_client_is_of_no_use_to_another(start: Start) -> None:
    transport = start(client(), client(client_id="other"))
    browser, app = both(transport)
    other = Relying(ISSUER, client_id="other", transport=transport)
    callback = location(browser.sign_in(app.authorization_url()))
    other.authorization_url(state=app.state)
    with pytest.raises(OAuthError) as refusal:
        other.tokens(callback)
    assert refusal.value.error == "invalid_grant"


def test_a_second_use_of_a_code_ends_the_first(usual: tuple[Browser, Relying]) -> None:
    browser, app = usual
    callback = location(browser.sign_in(app.authorization_url()))
    app.tokens(callback)
    assert app.user_information()["sub"]
    with pytest.raises(OAuthError):
        app.tokens(callback)
    assert app.user_information()["error"] == "invalid_token"


def test_a_removed_client_is_out_at_once_and_the_others_go_on(start: Start) -> None:
    first = start(client(), client(client_id="other"))
    browser, app = both(first)
    other = Relying(ISSUER, client_id="other", transport=first)
    mine = location(browser.sign_in(app.authorization_url()))
    others = location(browser.open(other.authorization_url()))
    second = start(client(client_id="other"))
    app = Relying(ISSUER, transport=second)
    app.authorization_url(state=query(mine)["state"])
    with pytest.raises(OAuthError) as refusal:
        app.tokens(mine)
    assert refusal.value.error == "invalid_client"
    after = Relying(ISSUER, client_id="other", transport=second)
    after.authorization_url(state=query(others)["state"])
    assert after.claims(after.tokens(others)["id_token"])["sub"] == subject("ada")


def test_a_public_client_has_no_secret_but_must_use_pkce(start: Start) -> None:
    public = client(
        public=True,
        client_secret=None,
        token_endpoint_auth_method="none",
        require_pkce=False,
        pkce_challenge_method=None,
    )
    transport = start(public)
    browser, app = both(transport, secret=None, auth_method="none")
    assert app.tokens(location(browser.sign_in(app.authorization_url())))["id_token"]
    bare = Relying(ISSUER, secret=None, auth_method="none", verifier=None, transport=transport)
    assert query(location(browser.open(bare.authorization_url())))["error"] == "invalid_request"


def offline(**changes: Any) -> dict[str, Any]:
    return client(
        scopes=["openid", "groups", "offline_access"],
        grant_types=["authorization_code", "refresh_token"],
        **changes,
    )


def test_a_refresh_token_is_good_once_and_sees_groups_that_changed(start: Start, tmp_path: Path) -> None:
    browser, app = both(start(offline()), scope="openid groups offline_access")
    first = app.tokens(location(browser.sign_in(app.authorization_url())))
    users = (tmp_path / "users.yml").read_text().replace("everybody", "somebody")
    (tmp_path / "users.yml").write_text(users)
    token_url = app.metadata["token_endpoint"]
    second = app.oauth.refresh_token(token_url, first["refresh_token"])
    assert app.claims(second["id_token"])["groups"] == ["my-app-admins", "somebody"]
    assert app.claims(second["id_token"])["auth_time"] == app.claims(first["id_token"])["auth_time"]
    with pytest.raises(OAuthError):
        app.oauth.refresh_token(token_url, first["refresh_token"])
    with pytest.raises(OAuthError):
        app.oauth.refresh_token(token_url, second["refresh_token"])


def test_a_refresh_token_needs_offline_access(start: Start) -> None:
    browser, app = both(start(offline()), scope="openid groups")
    assert "refresh_token" not in app.tokens(location(browser.sign_in(app.authorization_url())))


def test_a_user_who_was_disabled_gets_nothing_more(start: Start, tmp_path: Path) -> None:
    browser, app = both(start(offline()), scope="openid groups offline_access")
    tokens = app.tokens(location(browser.sign_in(app.authorization_url())))
    (tmp_path / "users.yml").write_text(
        users_file(
            ada={
                "displayname": "A",
                "password": "$argon2id$v=19$m=64,t=1,p=1$YWFhYWFhYWE$YWFhYWFhYWE",
                "disabled": True,
            }
        )
    )
    with pytest.raises(OAuthError):
        app.oauth.refresh_token(app.metadata["token_endpoint"], tokens["refresh_token"])
    assert app.user_information()["error"] == "invalid_token"


def test_a_revoked_token_is_of_no_use(start: Start) -> None:
    browser, app = both(start(offline()), scope="openid groups offline_access")
    tokens = app.tokens(location(browser.sign_in(app.authorization_url())))
    answer = app.oauth.revoke_token(app.metadata["revocation_endpoint"], tokens["refresh_token"])
    assert answer.status_code == 200
    assert app.user_information()["error"] == "invalid_token"


def test_explicit_consent_is_asked_for_each_time_and_may_be_denied(start: Start) -> None:
    browser, app = both(start(client(consent_mode="explicit")))
    page = browser.sign_in(app.authorization_url())
    assert "Allow My App?" in page.text
    assert "your groups" in page.text
    assert query(location(browser.send(page, decision="deny")))["error"] == "access_denied"
    page = browser.open(app.authorization_url())
    assert app.tokens(location(browser.send(page, decision="accept", remember="yes")))["id_token"]
    assert "Allow My App?" in browser.open(app.authorization_url()).text


def test_a_consent_may_be_remembered_for_the_same_scopes(start: Start) -> None:
    browser, app = both(start(client(consent_mode="pre-configured")))
    browser.send(browser.sign_in(app.authorization_url()), decision="accept", remember="yes")
    assert location(browser.open(app.authorization_url())).startswith(CALLBACK)
    assert "Allow My App?" in browser.open(app.authorization_url(scope="openid")).text
    assert "Allow My App?" in browser.open(app.authorization_url(prompt="consent")).text


def test_a_form_of_another_session_is_not_taken(start: Start) -> None:
    transport = start(client(consent_mode="explicit"))
    browser, app = both(transport)
    page = browser.sign_in(app.authorization_url())
    answer = browser.send(page, decision="accept", csrf="made-up")
    assert "Allow My App?" in answer.text
    stranger = Browser(ISSUER, transport)
    form = stranger.open("/login")
    assert stranger.send(form, csrf="made-up", username="ada", password=PASSWORD).status_code == 400
    assert stranger.send(stranger.open("/logout"), csrf="").status_code == 400


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/logout", "/api/oidc/authorization"]
)
def test_sign_in_leads_nowhere_else(usual: tuple[Browser, Relying], elsewhere: str) -> None:
    browser, _ = usual
    page = browser.send(browser.open("/login"), next=elsewhere, username="ada", password=PASSWORD)
    assert page.url == f"{ISSUER}/"
    assert "Ada Admin" in page.text


def test_a_client_may_want_the_password_anew(usual: tuple[Browser, Relying]) -> None:
    browser, app = usual
    browser.sign_in(app.authorization_url())
    page = browser.open(app.authorization_url(prompt="login"))
    assert "Sign in" in page.text
    assert location(browser.send(page, username="ada", password=PASSWORD)).startswith(CALLBACK)
    assert location(browser.open(app.authorization_url(max_age="3600"))).startswith(CALLBACK)


def test_a_client_may_ask_silently_and_is_told_what_would_have_to_be_asked(start: Start) -> None:
    browser, app = both(start(client(consent_mode="pre-configured")))
    silent = {"prompt": "none"}
    assert query(location(browser.open(app.authorization_url(**silent))))["error"] == "login_required"
    page = browser.sign_in(app.authorization_url())
    answer = query(location(browser.open(app.authorization_url(**silent))))
    assert (answer["error"], answer["state"], answer["iss"]) == ("consent_required", app.state, ISSUER)
    browser.send(page, decision="accept", remember="yes")
    assert app.tokens(location(browser.open(app.authorization_url(**silent))))["id_token"]


def test_who_signed_in_too_long_ago_is_asked_again(
    usual: tuple[Browser, Relying], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, app = usual
    browser.sign_in(app.authorization_url())
    later = time.time() + 100
    monkeypatch.setattr("app_platform.local.identity.authorization.time.time", lambda: later)
    assert location(browser.open(app.authorization_url(max_age="200"))).startswith(CALLBACK)
    assert "Sign in" in browser.open(app.authorization_url(max_age="60")).text
    silent = query(location(browser.open(app.authorization_url(max_age="60", prompt="none"))))
    assert silent["error"] == "login_required"


def test_a_second_factor_is_not_pretended(start: Start) -> None:
    browser, app = both(start(client(authorization_policy="two_factor")))
    page = browser.sign_in(app.authorization_url())
    assert page.status_code == 403
    assert "authorization_policy: two_factor" in page.text
    url = httpx2.URL(app.authorization_url())
    form = {"csrf": _csrf(browser), "decision": "accept"}
    direct = browser.http.post(f"/consent?{url.query.decode()}", data=form)
    assert direct.status_code == 403


def _csrf(browser: Browser) -> str:
    """The token of the session's forms."""
    found = re.search('name="csrf" value="([^"]+)"', browser.open("/logout").text)
    assert found
    return found[1]


def test_script_in_names_is_text(start: Start) -> None:
    browser, app = both(start(client(client_name="<script>x</script>", consent_mode="explicit")))
    page = browser.sign_in(app.authorization_url(login_hint='"><script>y</script>'))
    assert "<script>" not in page.text
    assert "&lt;script&gt;x" in page.text


def test_pages_keep_to_themselves(usual: tuple[Browser, Relying]) -> None:
    browser, _ = usual
    page = browser.open("/login")
    assert page.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    cookie = page.headers["set-cookie"]
    assert cookie.startswith("authelia_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert browser.open("/static/style.css").status_code == 200


def test_odd_requests_are_refused_not_crashed_on(usual: tuple[Browser, Relying]) -> None:
    browser, app = usual
    assert browser.http.post("/api/oidc/token", data={"grant_type": '"ü"'}).status_code == 400
    assert browser.http.post("/api/oidc/token").status_code == 400
    assert browser.open(app.authorization_url(response_type='"ü"')).status_code == 400
    assert browser.open("/api/oidc/authorization").status_code == 400
    assert browser.http.post("/api/oidc/revocation").status_code in (400, 401)
    assert browser.http.get("/api/oidc/userinfo").status_code == 401
    assert browser.http.get("/api/health").json() == {"status": "OK"}
