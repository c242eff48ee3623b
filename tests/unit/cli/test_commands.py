"""The list of commands, which is shown without importing any."""

from pathlib import Path

import pytest

from app_platform.cli import commands
from app_platform.cli.__main__ import COMMANDS, load

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
