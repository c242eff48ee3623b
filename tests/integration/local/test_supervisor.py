"""The supervisor with real processes: what dies is restarted, and nothing outlives it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app_platform.local import ControlError, NotReadyError
from app_platform.local.paths import StateDir
from app_platform.local.supervise import Child, Control
from support.platform import eventually

SLEEPER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
PARENT = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); print(p.pid, flush=True); p.wait()"


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    directory = StateDir.at(tmp_path / "state")
    directory.create()
    return directory


@pytest.fixture
def daemon(state: StateDir) -> Iterator["subprocess.Popen[bytes]"]:
    process = start_daemon(state)
    eventually(Control(state).is_running, "the supervisor answers")
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def control(state: StateDir, daemon: "subprocess.Popen[bytes]") -> Control:
    return Control(state)


def start_daemon(state: StateDir) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "app_platform.local.supervise.daemon", str(state.root)])


def child(name: str, code: str = SLEEPER, *arguments: str, stop_seconds: float = 10) -> Child:
    return Child(name, (sys.executable, "-c", code, *arguments), dict(os.environ), stop_seconds=stop_seconds)


def run(control: Control, *children: Child) -> dict[str, int]:
    """Load and start the children; their process ids."""
    control.load(children)
    for each in children:
        control.start(each.name)
    control.wait_ready([each.name for each in children], 20)
    return {name: status.pid for name, status in control.status().items() if status.pid}


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_a_killed_child_is_started_again_and_the_log_says_so(control: Control, state: StateDir) -> None:
    pid = run(control, child("one"))["one"]
    control.kill("one")
    eventually(lambda: control.status()["one"].pid not in (pid, None), "a new process")
    assert control.status()["one"].restarts == 1
    assert "one was killed by signal 9; starting it again in 0.2 s" in state.supervisor_log.read_text()


def test_a_killed_child_is_not_ready_until_it_runs_again(control: Control) -> None:
    pid: int | None = run(control, child("one"))["one"]
    for _ in range(3):
        control.kill("one")
        control.wait_ready(["one"], 20)
        assert control.status()["one"].pid not in (pid, None)
        pid = control.status()["one"].pid


def test_a_stopped_child_stays_so_until_started(control: Control) -> None:
    pid = run(control, child("one"))["one"]
    control.stop("one")
    assert not is_alive(pid)
    assert control.status()["one"].state == "stopped"
    control.start("one")
    control.wait_ready(["one"], 20)


def test_a_child_deaf_to_the_polite_signal_is_killed(control: Control, state: StateDir) -> None:
    pid = run(control, child("deaf", STUBBORN, stop_seconds=0.2))["deaf"]
    eventually(lambda: "deaf" in state.log("deaf").read_text(), "the signal is ignored from now on")
    control.stop("deaf")
    assert control.status()["deaf"].exit == -signal.SIGKILL
    assert not is_alive(pid)


def test_a_grandchild_ends_with_its_parent(control: Control, state: StateDir) -> None:
    run(control, child("parent", PARENT))
    eventually(lambda: state.log("parent").read_text().endswith("\n"), "the grandchild's id")
    grandchild = int(state.log("parent").read_text())
    assert is_alive(grandchild)
    control.kill("parent")
    eventually(lambda: not is_alive(grandchild), "the grandchild ends")


def test_nothing_survives_shutdown(control: Control, daemon: "subprocess.Popen[bytes]") -> None:
    pids = run(control, child("one"), child("two")).values()
    control.shutdown()
    assert not any(map(is_alive, pids))
    assert daemon.wait(20) == 0


def test_nothing_survives_a_killed_supervisor(control: Control, daemon: "subprocess.Popen[bytes]") -> None:
    pids = run(control, child("one"), child("two")).values()
    daemon.kill()
    daemon.wait()
    eventually(lambda: not any(map(is_alive, pids)), "the children end")


def test_a_new_table_touches_only_what_changed(control: Control) -> None:
    before = run(control, child("same"), child("changed"), child("gone"))
    control.load([child("same"), child("changed", SLEEPER, "argument"), child("new")])
    control.wait_ready(["same", "changed"], 20)
    after = control.status()
    assert after["same"].pid == before["same"]
    assert after["changed"].pid != before["changed"]
    assert not is_alive(before["gone"])
    assert after["new"].state == "stopped"


def test_a_program_that_is_not_there_is_tried_again_and_said(control: Control, state: StateDir) -> None:
    control.load([Child("ghost", ("/nowhere/ghost",))])
    control.start("ghost")
    eventually(lambda: control.status()["ghost"].restarts >= 1, "a second try")
    assert "ghost cannot be started: " in state.supervisor_log.read_text()


def test_waiting_for_a_child_that_keeps_dying_ends_early_with_its_last_words(control: Control) -> None:
    never = "http://127.0.0.1:1/readyz"
    control.load([replace(child("broken", "raise SystemExit('no such setting')"), ready=never)])
    control.start("broken")
    with pytest.raises(NotReadyError, match=r"broken: \w+, \d+ restarts; no such setting"):
        control.wait_ready(["broken"], 600)


def test_a_second_supervisor_of_the_same_directory_gives_way(control: Control, state: StateDir) -> None:
    assert start_daemon(state).wait(20) == 3
    assert control.is_running()


def test_unknown_names_are_answered_with_those_there_are(control: Control) -> None:
    control.load([child("one")])
    with pytest.raises(ControlError, match="there are: one"):
        control.kill("two")


def test_without_a_supervisor_the_advice_is_up(state: StateDir) -> None:
    with pytest.raises(ControlError, match="Run `up` first"):
        Control(state).status()
