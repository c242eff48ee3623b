"""What may be set for a forge: wrong combinations end at start and name the variable; nothing secret is printed."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app_platform.git_committer.adapters.forges import prepare
from app_platform.git_committer.adapters.github import login
from app_platform.git_committer.settings import GitHubSettings, LocalForgeSettings, Settings
from app_platform.runtime import SettingsError, load
from support.samples import CANARY

KEY_HASHES = {
    "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
    "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
    "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
}
"""As GitHub publishes them: docs.github.com, "GitHub's SSH key fingerprints"."""


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.fixture
def key_file(tmp_path: Path, pem: str) -> str:
    (tmp_path / "app.pem").write_text(pem)
    return str(tmp_path / "app.pem")


def having(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    base = {"NATS_URL": "nats://x", "FORGE": "github", "GITHUB_ORGANIZATION": "example-org"}
    for name, value in {**base, **variables}.items():
        monkeypatch.setenv(f"APP_PLATFORM_{name}", value)


def refusal(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> str:
    having(monkeypatch, variables)
    with pytest.raises(SettingsError) as caught:
        prepare(load(Settings))
    return str(caught.value)


TOKEN = {"GITHUB_TOKEN": CANARY}


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "APP_PLATFORM_GITHUB_APP_ID"),
        ({"GITHUB_APP_ID": "1"}, "APP_PLATFORM_GITHUB_INSTALLATION_ID"),
        ({"GITHUB_APP_ID": "1", "GITHUB_INSTALLATION_ID": "2"}, "APP_PLATFORM_GITHUB_PRIVATE_KEY_FILE"),
        ({"GITHUB_INSTALLATION_ID": "2"}, "APP_PLATFORM_GITHUB_APP_ID"),
        ({**TOKEN, "GITHUB_APP_ID": "1"}, "APP_PLATFORM_GITHUB_TOKEN"),
        ({**TOKEN, "GITHUB_APP_ID": "x"}, "APP_PLATFORM_GITHUB_APP_ID"),
        ({**TOKEN, "GITHUB_ORGANIZATION": "a/b"}, "APP_PLATFORM_GITHUB_ORGANIZATION"),
        ({**TOKEN, "GITHUB_API_URL": "http://github.example"}, "APP_PLATFORM_GITHUB_API_URL"),
        ({**TOKEN, "GITHUB_API_URL": "https://git.example/api/v3"}, "APP_PLATFORM_GITHUB_KNOWN_HOSTS_FILE"),
        ({**TOKEN, "GITHUB_FLUX_APP_ID": "3"}, "APP_PLATFORM_GITHUB_FLUX_CREDENTIAL"),
        ({**TOKEN, "GITHUB_FLUX_CREDENTIAL": "app"}, "APP_PLATFORM_GITHUB_FLUX_APP_ID"),
        ({**TOKEN, "GITHUB_KNOWN_HOSTS_FILE": "/nowhere"}, "APP_PLATFORM_GITHUB_KNOWN_HOSTS_FILE"),
        ({**TOKEN, "SIGNING_KEY_FILE": "/nowhere"}, "APP_PLATFORM_SIGNING_KEY_FILE"),
        ({**TOKEN, "AUTHOR_NAME": "a <b>"}, "APP_PLATFORM_AUTHOR_NAME"),
        ({**TOKEN, "FORGE": "gitlab"}, "APP_PLATFORM_FORGE"),
        ({"FORGE": "local"}, "APP_PLATFORM_FORGE_URL"),
    ],
)
def test_a_wrong_combination_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], named: str
) -> None:
    told = refusal(monkeypatch, variables)
    assert f"{named}:" in told
    assert CANARY not in told


def test_flux_does_not_get_the_app_that_writes(monkeypatch: pytest.MonkeyPatch, key_file: str) -> None:
    app = {"GITHUB_APP_ID": "1", "GITHUB_INSTALLATION_ID": "2", "GITHUB_PRIVATE_KEY_FILE": key_file}
    flux = {
        "GITHUB_FLUX_CREDENTIAL": "app",
        "GITHUB_FLUX_APP_ID": "1",
        "GITHUB_FLUX_INSTALLATION_ID": "2",
        "GITHUB_FLUX_PRIVATE_KEY_FILE": key_file,
    }
    assert "APP_PLATFORM_GITHUB_FLUX_APP_ID: must be another App" in refusal(monkeypatch, {**app, **flux})
    having(monkeypatch, {**app, **flux, "GITHUB_FLUX_APP_ID": "3"})
    prepare(load(Settings))


def other_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("content", [CANARY, "", other_key()])
def test_a_file_that_is_no_apps_key_is_refused_without_its_content(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    (tmp_path / "x").write_text(content)
    app = {"GITHUB_APP_ID": "1", "GITHUB_INSTALLATION_ID": "2", "GITHUB_PRIVATE_KEY_FILE": f"{tmp_path}/x"}
    told = refusal(monkeypatch, app)
    assert "APP_PLATFORM_GITHUB_PRIVATE_KEY_FILE:" in told
    assert CANARY not in told


def github(**more: str) -> GitHubSettings:
    return GitHubSettings.model_validate({"organization": "example-org", "token": CANARY, **more})


def test_githubs_published_host_keys_are_built_in(tmp_path: Path) -> None:
    lines = login.read_keys(github()).known_hosts.splitlines()
    assert {line.split()[0] for line in lines} == {"github.com"}
    prints = {
        base64.b64encode(hashlib.sha256(base64.b64decode(line.split()[2])).digest()).decode().rstrip("=")
        for line in lines
    }
    assert prints == KEY_HASHES


@pytest.mark.parametrize(
    "line",
    [
        "git.example ssh-ed25519 AAAA",
        "[git.example]:122,10.0.0.1 ssh-ed25519 AAAA",
        "|1|aa=|bb= ssh-ed25519 A",
    ],
)
def test_an_enterprise_servers_host_keys_come_from_a_file(tmp_path: Path, line: str) -> None:
    (tmp_path / "hosts").write_text(f"# comment\n{line}\n")
    settings = github(api_url="https://git.example/api/v3", known_hosts_file=f"{tmp_path}/hosts")
    assert login.read_keys(settings).known_hosts == f"{line}\n"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.github.com", "github.com"),
        ("https://git.example/api/v3", "git.example"),
        ("https://api.octo.ghe.com", "octo.ghe.com"),
    ],
)
def test_where_repositories_are_cloned_from(url: str, host: str) -> None:
    assert login.git_host(url) == host


def test_the_budget_is_named_by_who_spends_it_and_by_no_secret() -> None:
    assert login.budget_name(github()) == "github/api.github.com/example-org/token"
    assert CANARY not in repr(github())


def test_the_local_forge_needs_nothing_of_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APP_PLATFORM_GITHUB_ORGANIZATION", raising=False)
    having(monkeypatch, {"FORGE": "local", "FORGE_URL": "http://git.example", "FORGE_TOKEN": CANARY})
    prepare(load(Settings))
    assert CANARY not in repr(load(LocalForgeSettings))
