"""The command line: what goes wrong is a sentence and code 1; options reach the platform."""

from pathlib import Path

import pytest

from app_platform.local import Options, Platform, cli
from app_platform.local.envfile import write_env
from app_platform.local.options import SERVICES


@pytest.mark.parametrize("command", [["status"], ["kill", "etcd"], ["restart", "etcd"]])
def test_without_a_platform_the_advice_is_up(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "--state-dir", str(tmp_path)]) == 1
    assert "Run `up` first" in capsys.readouterr().err


def test_down_and_reset_of_what_never_was_are_fine(tmp_path: Path) -> None:
    assert cli.main(["down", "--state-dir", str(tmp_path / "none")]) == 0
    assert cli.main(["reset", "--state-dir", str(tmp_path / "none")]) == 0


def test_reset_does_not_remove_what_is_not_a_platform(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "precious"
    precious.touch()
    assert cli.main(["reset", "--state-dir", str(tmp_path)]) == 1
    assert "does not look like the state of a platform" in capsys.readouterr().err
    assert precious.exists()


def test_a_log_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["logs", "etcd", "--state-dir", str(tmp_path)]) == 1
    assert "etcd.log" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], Options()),
        (["--no-services"], Options(services=())),
        (["--replicas", "2"], Options(services=SERVICES, replicas=2)),
        (["--cluster", "theirs", "--unsafe-no-fsync"], Options(cluster="theirs", fsync=False)),
    ],
)
def test_options_reach_the_platform(
    arguments: list[str], expected: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Options] = []
    monkeypatch.setattr(Platform, "up", lambda self: seen.append(self.options))
    assert cli.main(["up", "--state-dir", str(tmp_path), *arguments]) == 0
    assert seen == [expected]


def test_up_says_where_the_dashboard_is_and_who_may_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "http://127.0.0.1:1"
    monkeypatch.setattr(Platform, "up", lambda self: write_env(self.state.env_file, {"DASHBOARD_URL": url}))
    assert cli.main(["up", "--state-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert url in said
    assert "paula" in said
    cli.main(["up", "--state-dir", str(tmp_path), "--no-services"])
    assert capsys.readouterr().out == ""
