"""The provider as a process of its own: a standard client over the network, restarts, and files that stop it."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from authlib.integrations.base_client import OAuthError

from app_platform.local.ports import choose
from support.identity import (
    PASSWORD,
    SECRET,
    SECRET_DIGEST,
    Browser,
    Relying,
    client,
    clients_file,
    location,
    users_file,
)

Start = Callable[..., "Provider"]


class Provider:
    """A running provider."""

    def __init__(self, folder: Path, port: int, text: str) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        clients, users = folder / "clients.yml", folder / "users.yml"
        clients.write_text(text)
        users.write_text(users_file())
        options = {
            "config": clients,
            "users": users,
            "state": folder / "state",
            "issuer": self.issuer,
            "port": port,
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app_platform.local.identity", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()

    def end(self) -> str:
        """End it as Kubernetes would; what it said."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        return said


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a provider at the same port with the same state each time."""
    port = choose(["oidc"], {}, str(tmp_path))["oidc"]
    started: list[Provider] = []

    def serve(*clients: dict[str, Any], text: str = "") -> Provider:
        started.append(Provider(tmp_path, port, text or clients_file(*clients)))
        return started[-1]

    yield serve
    for provider in started:
        if provider.process.returncode is None:
            provider.process.kill()
            provider.process.communicate()


def test_a_standard_client_signs_somebody_in(start: Start) -> None:
    provider = start()
    assert provider.first_line == f"listening {provider.issuer.rpartition(':')[2]}\n"
    browser, app = Browser(provider.issuer), Relying(provider.issuer)
    tokens = app.tokens(location(browser.sign_in(app.authorization_url())))
    assert app.claims(tokens["id_token"])["groups"] == ["my-app-admins", "everybody"]
    said = provider.end()
    assert provider.process.returncode == 0
    assert "ada signed in" in said
    assert not [each for each in (SECRET, PASSWORD, tokens["access_token"], app.state) if each in said]


def test_a_restart_with_other_clients_keeps_keys_sessions_and_tokens(start: Start) -> None:
    first = start()
    browser, app = Browser(first.issuer), Relying(first.issuer)
    tokens = app.tokens(location(browser.sign_in(app.authorization_url())))
    first.end()
    second = start(client(), client(client_id="new", redirect_uris=["https://new.example/cb"]))
    assert app.claims(tokens["id_token"])["preferred_username"] == "ada"
    assert app.user_information()["preferred_username"] == "ada"
    new = Relying(second.issuer, client_id="new", redirect_uri="https://new.example/cb")
    assert new.tokens(location(browser.open(new.authorization_url())))["id_token"]
    second.end()
    third = start(client(client_id="other"))
    assert "The client does not exist" in Browser(third.issuer).open(app.authorization_url()).text
    with pytest.raises(OAuthError) as refusal:
        app.tokens(f"{app.redirect_uri}?code=any&state={app.state}")
    assert refusal.value.error == "invalid_client"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("identity_providers: {oidc: {clients: []}}", "must have one or more clients"),
        (clients_file(client(colour="blue")), "client 'my-app': colour: Extra inputs are not permitted"),
        (clients_file(client(client_secret=SECRET)), "client_secret: must be a pbkdf2 or argon2 digest"),
        (f"a: {SECRET_DIGEST}: b", "the file is not YAML"),
    ],
)
def test_a_file_that_cannot_be_served_stops_it_with_the_reason(
    start: Start, text: str, complaint: str
) -> None:
    provider = start(text=text)
    _, said = provider.process.communicate(timeout=60)
    assert provider.process.returncode == 1
    assert provider.first_line == ""
    assert complaint in said
    assert SECRET not in said
    assert SECRET_DIGEST not in said
    assert "Traceback" not in said


def test_many_at_once_are_served(start: Start) -> None:
    provider = start()
    apps = [Relying(provider.issuer) for _ in range(4)]
    with httpx2.Client(base_url=provider.issuer) as idle:
        idle.get("/api/health")  # a connection that is kept does not keep others out
        for app in apps:
            browser = Browser(provider.issuer)
            assert app.tokens(location(browser.sign_in(app.authorization_url())))["id_token"]
    assert provider.end()
