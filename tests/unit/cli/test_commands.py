"""The list of commands, which is shown without importing any."""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app_platform.cli import commands
from app_platform.cli.__main__ import COMMANDS, app, load
from app_platform.cli.options import MEANING, Exit

FOLDER = Path(commands.__file__).parent


def test_each_module_is_a_command() -> None:
    modules = {file.stem.replace("_", "-") for file in FOLDER.glob("*.py")} - {"--init--"}
    assert modules == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_placeholder_becomes_the_command_with_its_help(name: str) -> None:
    command = load(name)
    assert command.name == name
    assert command.help.split()[0] == COMMANDS[name].split()[0]
    assert "--install-completion" not in [option for each in command.params for option in each.opts]


WITH_APP = [
    ("doctor",),
    ("status",),
    ("events", "list"),
    ("events", "tail"),
    ("dead-letters", "list"),
    ("dead-letters", "redrive", "--all"),
    ("replay", "--service", "git-committer"),
    ("verify",),
    ("export",),
    ("scaffold", "--image", "ghcr.io/labrats-work/my-app:1.2.3"),
    ("rotate-key",),
]


@pytest.mark.parametrize("words", WITH_APP, ids=" ".join)
def test_a_name_that_no_app_has_is_wrong_usage(words: tuple[str, ...]) -> None:
    done = CliRunner(env={"COLUMNS": "400", "NO_COLOR": "1"}).invoke(app, [*words, "--app", "My_App"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no app is named 'My_App': a name has lower-case letters" in done.stderr


def test_every_command_that_takes_an_app_is_tried() -> None:
    assert {words[0] for words in WITH_APP} == {
        name for name in COMMANDS if any("--app" in each.opts for each in parameters(load(name)))
    }


def parameters(command: Any) -> list[Any]:
    """Those of a command, or of the commands of a group."""
    inner = getattr(command, "commands", {}).values()
    return [*command.params, *(each for one in inner for each in one.params)]


def test_it_tells_its_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"app-platform {version('app-platform-cli')}\n")


@pytest.mark.parametrize("name", ["doctor", "status", "verify", "export"])
def test_a_status_of_its_own_is_in_the_help(name: str) -> None:
    """Those that MEANING of options names with statuses beyond 0, 1 and 2."""
    assert "Exit status: 0 " in load(name).help
    assert f"`{name}`" in MEANING[Exit.PROBLEM] + MEANING[Exit.UNKNOWN]


def test_no_other_command_has_a_status_of_its_own() -> None:
    told = set(re.findall(r"`([a-z-]+)`", MEANING[Exit.PROBLEM] + MEANING[Exit.UNKNOWN]))
    assert told == {"doctor", "status", "verify", "export"}
