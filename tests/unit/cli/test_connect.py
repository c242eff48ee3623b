"""Which errors a command tells in one line, and as whose."""

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from app_platform.cli import connect
from app_platform.cli.errors import CommandError, EventStoreError
from app_platform.cli.options import Exit
from app_platform.runtime.publish import PublishError


def failing(error: Exception) -> Callable[[], object]:
    async def command() -> None:
        raise error

    return lambda: connect.execute(command)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CommandError("there is no app"), "there is no app"),
        (PublishError("NATS did not confirm it"), "NATS did not confirm it"),
        (
            NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), "/file/x"),
            "/file/x: Not a directory",
        ),
        (OSError("no file, and a reason"), "no file, and a reason"),
    ],
)
def test_an_error_is_told_for_what_it_is(
    error: Exception, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        failing(error)()
    assert ended.value.exit_code == Exit.IMPOSSIBLE
    assert capsys.readouterr().err == f"app-platform: {told}\n"


def test_what_is_a_defect_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())()


def test_that_nobody_reads_is_left_to_typer(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokenPipeError):
        failing(BrokenPipeError())()
    assert capsys.readouterr().err == ""


async def test_a_key_that_cannot_be_read_is_of_the_event_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("APP_PLATFORM_NATS_URL", "nats://user:correct-horse@127.0.0.1:1")
    monkeypatch.setenv("APP_PLATFORM_NATS_NKEY", str(tmp_path / "none"))
    with pytest.raises(EventStoreError, match=r"the NATS key .* cannot be read"):
        async with connect.history():
            pass


def test_a_command_leaves_the_loggers_of_the_process_as_they_were() -> None:
    logger = logging.getLogger("app_platform")
    before = logger.level

    async def level() -> int:
        return logger.level

    assert connect.execute(level) == logging.CRITICAL, "while it runs"
    assert logger.level == before
