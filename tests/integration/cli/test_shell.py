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
        ("app-platform events list --kind secret", {"secret", "secret-intent"}),
        ("app-platform replay --service git", {"git-committer"}),
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


def test_bash_loads_the_script_and_completes_with_it(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        path = f"{PROGRAM.parent}:{os.environ['PATH']}"
        env = {"PATH": path, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
        return subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)

    script = tmp_path / "completion.bash"
    script.write_text(run("app-platform", "--show-completion", "bash").stdout)
    typed = (
        f"source {script}; COMP_WORDS=(app-platform dead-letters re); COMP_CWORD=2; "
        "$(complete -p app-platform | sed 's/.*-F \\([^ ]*\\).*/\\1/') app-platform; echo ${COMPREPLY[@]}"
    )
    done = run("bash", "--norc", "-c", typed)
    assert (done.stdout.split(), done.stderr) == (["redrive"], "")


@pytest.mark.parametrize("words", [["--help"], ["--show-completion"]])
def test_help_comes_without_the_libraries_of_the_commands(words: list[str]) -> None:
    program = (
        "import sys\nfrom app_platform.cli.__main__ import app\n"
        f"try: app({words!r})\nexcept SystemExit: pass\n"
        "print([name for name in ('nats', 'aiohttp', 'pydantic') if name in sys.modules])"
    )
    named = {"PATH": os.environ["PATH"], "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=named, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


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
