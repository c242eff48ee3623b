"""Settings come from the environment, and what is wrong with them is said without repeating it."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app_platform.runtime import RuntimeSettings, SettingsError, load
from support.samples import CANARY


class WithToken(RuntimeSettings):
    forge_token: SecretStr
    small: int = 1


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("APP_PLATFORM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("APP_PLATFORM_NATS_URL", "nats://127.0.0.1:4222")


def test_what_is_not_set_has_a_default() -> None:
    settings = load(RuntimeSettings)
    assert settings.nats_url == "nats://127.0.0.1:4222"
    assert (settings.health_host, settings.replica, settings.nats_nkey) == ("127.0.0.1", "0", None)


def test_a_value_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "app_platform_forge_token").write_text(CANARY)
    (tmp_path / "app_platform_small").write_text("2")
    monkeypatch.setenv("APP_PLATFORM_SECRETS_DIR", str(tmp_path))
    settings = load(WithToken)
    assert (settings.forge_token.get_secret_value(), settings.small) == (CANARY, 2)
    assert CANARY not in repr(settings)
    monkeypatch.setenv("APP_PLATFORM_SMALL", "3")
    assert load(WithToken).small == 3


def test_a_folder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("APP_PLATFORM_SECRETS_DIR", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match="APP_PLATFORM_SECRETS_DIR: is no folder"):
        load(RuntimeSettings)


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APP_PLATFORM_NATS_URL")
    with pytest.raises(SettingsError, match="APP_PLATFORM_NATS_URL: Field required"):
        load(RuntimeSettings)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("APP_PLATFORM_HEALTH_PORT", "65536"),
        ("APP_PLATFORM_HEALTH_PORT", "http"),
        ("APP_PLATFORM_LOG_LEVEL", "LOUD"),
        ("APP_PLATFORM_MAX_DELIVER", "0"),
        ("APP_PLATFORM_ACK_WAIT", "0"),
        ("APP_PLATFORM_GRACE", "-1"),
        ("APP_PLATFORM_MAX_BATCH", "0"),
        ("APP_PLATFORM_IN_HAND", "0"),
        ("APP_PLATFORM_CONCURRENCY", "none"),
        ("APP_PLATFORM_STREAM_REPLICAS", "6"),
        ("APP_PLATFORM_EVENT_DAYS", "0"),
        ("APP_PLATFORM_MAX_INLINE_BYTES", "1"),
        ("APP_PLATFORM_PUBLISH_TIMEOUT", "0"),
        ("APP_PLATFORM_REPLICA", ""),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        load(RuntimeSettings)


def test_all_faults_are_told_at_once_and_no_value_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_PLATFORM_SMALL", CANARY)
    with pytest.raises(SettingsError) as caught:
        load(WithToken)
    assert "APP_PLATFORM_SMALL" in str(caught.value)
    assert "APP_PLATFORM_FORGE_TOKEN" in str(caught.value)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_secret_does_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_PLATFORM_FORGE_TOKEN", CANARY)
    settings = load(WithToken)
    assert CANARY not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.forge_token.get_secret_value() == CANARY


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(RuntimeSettings).replica = "1"  # type: ignore[misc]  # that is what is refused
