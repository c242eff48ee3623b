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
            NotReadyError: after `timeout` seconds, naming those that are not, their state and where their logs are.
        """
        deadline = time.monotonic() + timeout
        while missing := self._not_ready(names):
            if time.monotonic() > deadline:
                listed = ", ".join(f"{name} ({state})" for name, state in missing.items())
                raise NotReadyError(
                    f"not ready after {timeout:.0f} s: {listed}. Their logs are in {self._state.logs}"
                )
            time.sleep(_POLL_SECONDS)

    def _not_ready(self, names: Collection[str]) -> dict[str, str]:
        status = self.status()
        return {name: status[name].state for name in names if status[name].state != "ready"}

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
