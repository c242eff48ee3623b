"""How a GitRepository's Secret lets git in."""

import base64
import stat
from pathlib import Path

import pytest

from app_platform.gitread import CredentialError, credential


def data(**entries: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in entries.items()}


def test_a_password_is_in_no_file_and_in_no_repr(tmp_path: Path) -> None:
    found = credential("https://h/r.git", "git", data(username="flux", password="p4ss"))
    env = found.environment(tmp_path)
    encoded = base64.b64encode(b"flux:p4ss").decode()
    assert env["GIT_CONFIG_VALUE_0"] == f"Authorization: Basic {encoded}"
    assert list(tmp_path.iterdir()) == []
    assert "p4ss" not in repr(found)


def test_ssh_looks_at_the_secrets_key_and_hosts_alone(tmp_path: Path) -> None:
    found = credential("ssh://git@h/r.git", "git", data(identity="k3y", known_hosts="h ssh-ed25519 AAAA"))
    command = found.environment(tmp_path)["GIT_SSH_COMMAND"]
    identity = tmp_path / "identity"
    assert (identity.read_text(), stat.S_IMODE(identity.stat().st_mode)) == ("k3y\n", 0o600)
    assert (tmp_path / "known_hosts").read_text() == "h ssh-ed25519 AAAA\n"
    for option in (
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        f"UserKnownHostsFile={tmp_path}/known_hosts",
    ):
        assert option in command
    assert "k3y" not in repr(found) + command


@pytest.mark.parametrize(
    ("url", "entries", "missing"),
    [
        ("https://h/r.git", {"username": "flux"}, "username and password"),
        ("https://h/r.git", {}, "username and password"),
        ("ssh://git@h/r.git", {"identity": "k"}, "identity and known_hosts"),
        ("ssh://git@h/r.git", {"username": "flux", "password": "p"}, "identity and known_hosts"),
    ],
)
def test_a_missing_entry_is_named(url: str, entries: dict[str, str], missing: str) -> None:
    with pytest.raises(CredentialError, match=f"the Secret git needs the keys {missing}"):
        credential(url, "git", data(**entries))


def test_what_is_not_text_is_refused_without_being_quoted() -> None:
    binary = {"username": "", "password": base64.b64encode(b"\xff\xfep4ss").decode()}
    with pytest.raises(CredentialError, match="not text") as caught:
        credential("https://h/r.git", "git", binary)
    assert caught.value.__cause__ is None
