"""Kubeconfigs, and tokens that stay fresh."""

import base64
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from app_platform.kube import ClusterConfig, ConfigError
from app_platform.kube.config import from_pod
from app_platform.kube.tokens import ExecToken, FileToken, StaticToken, TokenError


def kubeconfig(path: Path, **changes: Any) -> Path:
    content: dict[str, Any] = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1/"}}],
        "users": [{"name": "u", "user": {"token": "canary"}}],
    }
    path.write_bytes(orjson.dumps(content | changes))
    return path


def load(*paths: Path) -> ClusterConfig:
    return ClusterConfig.load({"KUBECONFIG": ":".join(map(str, paths))})


async def test_server_and_token(tmp_path: Path) -> None:
    config = load(kubeconfig(tmp_path / "config"))
    assert config.server == "http://127.0.0.1:1"
    assert isinstance(config.token, StaticToken)
    assert await config.token.get() == "canary"
    assert "canary" not in repr(config) + repr(config.token)


def test_the_first_file_wins_and_missing_files_do_not_matter(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "first", clusters=[], users=[])
    second = kubeconfig(tmp_path / "second", contexts=[])
    assert load(tmp_path / "none", first, second).server == "http://127.0.0.1:1"


async def test_a_token_file_lies_beside_the_kubeconfig_and_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    token = load(kubeconfig(tmp_path / "config", users=[{"name": "u", "user": {"tokenFile": "token"}}])).token
    assert token is not None
    assert await token.get() == "one"
    (tmp_path / "token").write_text("two\n")
    assert await token.get() == "one"
    assert await token.get(renew=True) == "two"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"current-context": None}, "no current-context"),
        ({"current-context": "two"}, "no 'two' among its contexts"),
        ({"clusters": []}, "no 'c' among its clusters"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, "no server URL"),
        ({"users": []}, "no 'u' among its users"),
        ({"users": [{"name": "u", "user": {"username": "a", "password": "canary"}}]}, "'username' are not supported"),
        ({"users": [{"name": "u", "user": {"auth-provider": {"name": "gcp"}}}]}, "'auth-provider' are not supported"),
        (
            {"clusters": [{"name": "c", "cluster": {"server": "https://a", "certificate-authority-data": base64.b64encode(b"canary").decode()}}]},
            "not valid PEM",
        ),
        ({"clusters": [{"name": "c", "cluster": {"server": "https://a", "certificate-authority": "none.crt"}}]}, "certificate-authority: .*No such file"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        load(kubeconfig(tmp_path / "config", **changes))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"), [("a: [canary", "not valid YAML"), ("- canary", "not a kubeconfig")]
)
def test_a_broken_file_is_not_quoted(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "config").write_text(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        load(tmp_path / "config")
    assert "canary" not in str(caught.value)


def test_without_any_cluster_the_choices_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="set KUBECONFIG"):
        ClusterConfig.load({})
    with pytest.raises(ConfigError, match="no file that exists"):
        load(tmp_path / "none")
    with pytest.raises(ConfigError, match="ServiceAccount's files"):
        from_pod("10.0.0.1", "443", tmp_path)


def exec_token(output: str) -> ExecToken:
    return ExecToken([sys.executable, "-c", f"print({output!r})"])


async def test_a_plug_in_gives_a_token_until_it_is_old() -> None:
    def credential(token: str, expiry: str) -> str:
        return orjson.dumps({"status": {"token": token, "expirationTimestamp": expiry}}).decode()

    token = exec_token(credential("one", "2000-01-01T00:00:00Z"))
    assert await token.get() == "one"
    token.command = exec_token(credential("two", "2999-01-01T00:00:00Z")).command
    assert await token.get() == "two"
    token.command = ["/nonexistent"]
    assert await token.get() == "two"
    with pytest.raises(TokenError, match="/nonexistent cannot be run"):
        await token.get(renew=True)


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("canary", "did not print an ExecCredential"),
        ('{"status": {"clientKeyData": "canary"}}', "gave no token"),
    ],
)
async def test_a_plug_in_without_a_token_is_named(output: str, problem: str) -> None:
    with pytest.raises(TokenError, match=problem) as caught:
        await exec_token(output).get()
    assert "canary" not in str(caught.value)


def test_a_plug_in_beside_the_kubeconfig(tmp_path: Path) -> None:
    section = {
        "command": "bin/login",
        "args": ["a"],
        "env": [{"name": "N", "value": "v"}],
        "apiVersion": "x/v1",
    }
    token = ExecToken.parse(section, tmp_path)
    assert (token.command, token.environment, token.api_version) == (
        [str(tmp_path / "bin/login"), "a"],
        {"N": "v"},
        "x/v1",
    )
    assert ExecToken.parse({"command": "login"}, tmp_path).command == ["login"]


async def test_a_token_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="No such file"):
        await FileToken(tmp_path / "none").get()
