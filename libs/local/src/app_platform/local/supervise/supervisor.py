"""Keeps children running: one task per child that starts it, watches it, and starts it again when it dies."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from app_platform.local.errors import ControlError
from app_platform.local.supervise.child import Child, ChildStatus, State, describe_exit, restart_delay
from app_platform.local.supervise.process import is_ready, signal_group, spawn, terminate

_PROBE_EVERY = 0.1

Note = Callable[[str], None]


class Keeper:
    """Keeps one child running from `start` to `stop`."""

    def __init__(self, child: Child, log: Path, note: Note) -> None:
        self.child = child
        self._log = log
        self._note = note
        self._task: asyncio.Task[None] | None = None
        self._state: State = "stopped"
        self._pid: int | None = None
        self._restarts = 0
        self._exit: int | None = None

    @property
    def status(self) -> ChildStatus:
        """How the child is now."""
        return ChildStatus(self.child.name, self._state, self._pid, self._restarts, self._exit)

    def start(self) -> None:
        """Start the child unless it is running or about to."""
        if self._task is None:
            self._state = "starting"
            self._task = asyncio.create_task(self._keep(), name=f"keep {self.child.name}")

    async def stop(self) -> None:
        """End the child and leave it so."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._state = "stopped"

    async def restart(self) -> None:
        """End the child and start it again at once."""
        was_running = self._task is not None
        await self.stop()
        self._restarts += was_running
        self.start()

    def kill(self) -> None:
        """Kill the child's process group, as a crash would; it is then started again."""
        if self._pid is None:
            raise ControlError(f"{self.child.name} is not running")
        signal_group(self._pid, signal.SIGKILL)
        # It is told a moment later that the process has ended; until then nobody should take it for ready.
        self._state = "waiting"

    async def _keep(self) -> None:
        delay = 0.0
        while True:
            started = time.monotonic()
            await self._run_once()
            delay = restart_delay(delay, time.monotonic() - started)
            self._note(f"{self.child.name} {self._last_exit}; starting it again in {delay:.1f} s")
            self._state = "waiting"
            await asyncio.sleep(delay)
            self._restarts += 1

    async def _run_once(self) -> None:
        self._state = "starting"
        try:
            process = await spawn(self.child, self._log)
        except OSError as error:
            self._exit = None
            self._note(f"{self.child.name} cannot be started: {error}")
            return
        self._pid = process.pid
        self._note(f"{self.child.name} started (pid {process.pid})")
        probe = asyncio.create_task(self._watch_ready())
        try:
            await process.wait()
        finally:
            probe.cancel()
            await terminate(process, self.child.stop_seconds)
            self._pid, self._exit = None, process.returncode

    async def _watch_ready(self) -> None:
        # ASYNC110: nobody sets an event when another process becomes ready; it has to be asked.
        while not await is_ready(self.child):  # noqa: ASYNC110
            await asyncio.sleep(_PROBE_EVERY)
        self._state = "ready"

    @property
    def _last_exit(self) -> str:
        return "did not run" if self._exit is None else describe_exit(self._exit)


class Supervisor:
    """All children of one platform.

    Args:
        logs: the folder for one log per child.
        note: gets a line for everything worth knowing.
    """

    def __init__(self, logs: Path, note: Note) -> None:
        self._logs = logs
        self._note = note
        self._keepers: dict[str, Keeper] = {}

    async def load(self, children: Iterable[Child]) -> None:
        """Take over a new table: gone children end, changed ones restart if they ran, the others are left alone."""
        table = {child.name: child for child in children}
        changed = [keeper for name, keeper in self._keepers.items() if table.get(name) != keeper.child]
        running = {keeper.child.name for keeper in changed if keeper.status.state != "stopped"}
        await self._stop_in_order(changed)
        self._keepers = {name: self._keeper(child) for name, child in table.items()}
        for name in running & table.keys():
            self._note(f"{name} has changed")
            self._keepers[name].start()

    def _keeper(self, child: Child) -> Keeper:
        known = self._keepers.get(child.name)
        return (
            known
            if known and known.child == child
            else Keeper(child, self._logs / f"{child.name}.log", self._note)
        )

    def status(self) -> list[ChildStatus]:
        """How every child is, in the order of the table."""
        return [keeper.status for keeper in self._keepers.values()]

    def child(self, name: str) -> Keeper:
        """The keeper of one child.

        Raises:
            ControlError: there is none of that name.
        """
        if name not in self._keepers:
            raise ControlError(f"nothing is called {name!r}; there are: {', '.join(sorted(self._keepers))}")
        return self._keepers[name]

    async def close(self) -> None:
        """End all children, those that others stand on last."""
        await self._stop_in_order(list(self._keepers.values()))

    async def _stop_in_order(self, keepers: list[Keeper]) -> None:
        for tier in sorted({keeper.child.tier for keeper in keepers}, reverse=True):
            await asyncio.gather(*(keeper.stop() for keeper in keepers if keeper.child.tier == tier))
