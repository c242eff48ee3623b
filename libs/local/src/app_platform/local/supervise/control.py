"""The client of the supervisor's socket: one JSON line to ask, one to answer."""

import json
import socket
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from app_platform.local.errors import ControlError, NotReadyError
from app_platform.local.paths import StateDir
from app_platform.local.supervise.child import Child, ChildStatus

_ANSWER_SECONDS = 60.0
_POLL_SECONDS = 0.05
_HOPELESS_RESTARTS = 6  # some 12 s of trying
_LONGEST_LINE = 300


class Control:
    """Commands to the supervisor of one state directory. Each call opens a connection of its own.

    Every method raises `ControlError` when no supervisor answers or it refuses.
    """

    def __init__(self, state: StateDir) -> None:
        self._state = state

    def is_running(self) -> bool:
        """Whether a supervisor answers."""
        try:
            self.status()
        except ControlError:
            return False
        return True

    def status(self) -> dict[str, ChildStatus]:
        """How every child is, by name."""
        answer = self._ask({"do": "status"})
        return {fields["name"]: ChildStatus(**fields) for fields in answer["children"]}

    def load(self, children: Iterable[Child]) -> None:
        """Replace the table of children; see `Supervisor.load`."""
        self._ask({"do": "load", "children": [child.to_json() for child in children]})

    def start(self, name: str) -> None:
        """Start a child that is stopped; without effect on one that runs."""
        self._ask({"do": "start", "name": name})

    def stop(self, name: str) -> None:
        """End a child and leave it so; returns when it has ended."""
        self._ask({"do": "stop", "name": name})

    def restart(self, name: str) -> None:
        """End a child and start it again; returns when it has been started, not when it is ready."""
        self._ask({"do": "restart", "name": name})

    def kill(self, name: str) -> None:
        """Kill a child with SIGKILL, as a crash would; the supervisor then starts it again."""
        self._ask({"do": "kill", "name": name})

    def shutdown(self) -> None:
        """End all children and the supervisor; returns when the children have ended."""
        self._ask({"do": "shutdown"})

    def wait_ready(self, names: Collection[str], timeout: float) -> None:
        """Wait until all of `names` are ready.

        Raises:
            NotReadyError: after `timeout` seconds, or earlier when one of them keeps dying; the message names those that
                are not ready, their state and the last line of each one's log.
        """
        deadline = time.monotonic() + timeout
        before = {name: status.restarts for name, status in self.status().items()}
        while missing := self._not_ready(names):
            hopeless = [each for each in missing if each.restarts - before[each.name] >= _HOPELESS_RESTARTS]
            if hopeless or time.monotonic() > deadline:
                listed = "\n".join(self._describe(each) for each in hopeless or missing)
                raise NotReadyError(f"not ready:\n{listed}\nThe logs are in {self._state.logs}")
            time.sleep(_POLL_SECONDS)

    def _not_ready(self, names: Collection[str]) -> list[ChildStatus]:
        status = self.status()
        return [status[name] for name in names if status[name].state != "ready"]

    def _describe(self, child: ChildStatus) -> str:
        log = self._state.log(child.name)
        lines = log.read_text(errors="replace").split("\n") if log.exists() else []
        last = next((line for line in reversed(lines) if line.strip()), "nothing in its log")
        return f"  {child.name}: {child.state}, {child.restarts} restarts; {last[:_LONGEST_LINE]}"

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_ANSWER_SECONDS)
                connection.connect(str(self._state.control_socket))
                connection.sendall(json.dumps(question).encode() + b"\n")
                with connection.makefile("rb") as answers:
                    line = answers.readline()
        except OSError as error:
            raise ControlError(
                f"no supervisor answers for {self._state.root}: {error}. Run `up` first"
            ) from error
        if not line:
            raise ControlError(f"the supervisor hung up: see {self._state.supervisor_log}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ControlError(answer["error"])
        return answer
