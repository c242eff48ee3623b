"""The supervisor's process: `python -m app_platform.local.supervise.daemon <state dir> [--with-parent <pid>]`.

It holds a lock for as long as it lives, serves the control socket, and ends all children before it ends itself, on the
`shutdown` command or SIGTERM.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app_platform.local.errors import ControlError
from app_platform.local.paths import StateDir
from app_platform.local.supervise.child import Child
from app_platform.local.supervise.process import die_with
from app_platform.local.supervise.supervisor import Supervisor

_LONGEST_LINE = 4 << 20  # a table of children with their environments

Answer = dict[str, Any]


class Server:
    """Answers the control socket on behalf of a supervisor."""

    def __init__(self, supervisor: Supervisor, done: asyncio.Event) -> None:
        self._supervisor = supervisor
        self._done = done
        self._commands: dict[str, Callable[[Answer], Awaitable[None]]] = {
            "status": self._nothing,
            "load": self._load,
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "kill": self._kill,
            "shutdown": self._shutdown,
        }
        self._one_at_a_time = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: one question, one answer."""
        with contextlib.suppress(ConnectionError):
            if line := await reader.readline():
                writer.write(json.dumps(await self._answer(json.loads(line))).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, question: Answer) -> Answer:
        command = self._commands.get(question["do"])
        if command is None:
            return {"error": f"no command {question['do']!r}; there are: {', '.join(self._commands)}"}
        try:
            if command != self._nothing:
                async with self._one_at_a_time:
                    await command(question)
        except ControlError as error:
            return {"error": str(error)}
        return {"children": [asdict(status) for status in self._supervisor.status()]}

    async def _nothing(self, _question: Answer) -> None:
        """`status` only wants the answer that every command gets."""

    async def _load(self, question: Answer) -> None:
        await self._supervisor.load(Child.from_json(fields) for fields in question["children"])

    async def _start(self, question: Answer) -> None:
        self._supervisor.child(question["name"]).start()

    async def _stop(self, question: Answer) -> None:
        await self._supervisor.child(question["name"]).stop()

    async def _restart(self, question: Answer) -> None:
        await self._supervisor.child(question["name"]).restart()

    async def _kill(self, question: Answer) -> None:
        self._supervisor.child(question["name"]).kill()

    async def _shutdown(self, _question: Answer) -> None:
        await self._supervisor.close()
        self._done.set()


async def run(state: StateDir) -> None:
    """Supervise until told to end."""
    note = _notebook(state.supervisor_log)
    supervisor, done = Supervisor(state.logs, note), asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, done.set)
    state.control_socket.unlink(
        missing_ok=True
    )  # ours by the lock: what is there was left by a killed supervisor
    shutil.rmtree(state.scratch, ignore_errors=True)
    state.scratch.mkdir()
    server = await asyncio.start_unix_server(
        Server(supervisor, done).serve, state.control_socket, limit=_LONGEST_LINE
    )
    note(f"supervisor started (pid {os.getpid()})")
    try:
        await done.wait()
    finally:
        await supervisor.close()
        server.close()
        state.control_socket.unlink(missing_ok=True)
        note("supervisor ended")


def _notebook(path: Path) -> Callable[[str], None]:
    def note(line: str) -> None:
        with path.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}\n")

    return note


def main() -> None:
    """Take the lock and supervise; ends with code 3 when another supervisor has the lock."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--with-parent", type=int, help="end when this process, the parent, ends")
    arguments = parser.parse_args()
    state = StateDir.at(arguments.state_dir)
    os.umask(0o077)
    if arguments.with_parent:
        die_with(arguments.with_parent, signal.SIGTERM)()
    with state.lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(3)
        asyncio.run(run(state))


if __name__ == "__main__":
    main()
