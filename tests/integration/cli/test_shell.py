"""How the command behaves in a shell: completion, colours, help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import app_platform
from support.nats import NatsServer

PROGRAM = Path(sys.executable).with_name("app-platform")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("app-platform doc", {"doctor"}),
        ("app-platform re", {"replay"}),
        ("app-platform dead-letters re", {"redrive"}),
        ("app-platform doctor --as", {"--as-group", "--as-user"}),
    ],
)
def test_bash_completes_commands_and_options(typed: str, offered: set[str]) -> None:
    asked = {
        "_APP_PLATFORM_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = subprocess.run(
        [str(PROGRAM)],
        env={"PATH": os.environ["PATH"], **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert offered <= set(done.stdout.split()), done.stdout + done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_is_shown(shell: str) -> None:
    # Otherwise Typer asks which shell it runs in, and here it runs in none.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = app_platform(named, "--show-completion", shell)
    assert done.returncode == 0, done.stderr
    assert "_COMPLETE=complete_" in done.stdout


def test_no_color_is_respected(nats_server: NatsServer) -> None:
    away = {"KUBECONFIG": "/nowhere", "NATS_URL": nats_server.url, "FORCE_COLOR": "1"}
    coloured = app_platform(away, "--help").stdout
    assert "\x1b[" in coloured
    assert "\x1b[3" not in app_platform({**away, "NO_COLOR": "1"}, "--help").stdout


def test_every_command_says_how_it_is_used() -> None:
    for command in ("doctor", "status", "replay", "verify", "export", "scaffold", "rotate-key"):
        done = app_platform({}, command, "--help")
        assert done.returncode == 0
        assert "Example" in done.stdout, command
