"""One process of the provider: started with the Secret as it is then, started again when it ends, until told to stop.

What kubelet does for a pod with one container: the pause between starts doubles; a missing entry of the Secret keeps it waiting.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from app_platform.contracts import names
from app_platform.local.identities import write_private
from app_platform.local.supervise.process import die_with

CLIENTS_FILE = names.OIDC_CLIENTS_ENTRY

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_STOP_SECONDS = 10.0
_STABLE_SECONDS = 10.0


class NothingToMountError(Exception):
    """The Secret, or its entry, is not there."""


@dataclass(frozen=True)
class Setup:
    """What all processes of the provider have in common.

    Attributes:
        issuer: the URL under which users reach it.
        users: the users file.
        state: a folder for the provider's keys and tokens, and for a folder per process.
        note: a line for the sign-in page.
        read_clients: gives the clients file as the Secret holds it now; raises NothingToMountError.
    """

    issuer: str
    users: Path
    state: Path
    note: str
    read_clients: Callable[[], Awaitable[str]]


class Pod:
    """A process that is kept running.

    Args:
        template: the hash of the pod template that it is of.
        setup: see `Setup`.
        tasks: where its task runs; what nobody expected there ends them all.
        on_change: called when `port` has changed.

    Attributes:
        template: as above.
        port: where it listens; 0 while it is not ready.
    """

    def __init__(
        self, template: str, setup: Setup, tasks: asyncio.TaskGroup, on_change: Callable[[], None]
    ) -> None:
        self.template = template
        self.port = 0
        self._setup = setup
        self._on_change = on_change
        self._task = tasks.create_task(self._keep(), name=f"authelia-{template}")

    async def stop(self) -> None:
        """End it; requests in hand are finished."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            started = asyncio.get_running_loop().time()
            await self._run_once()
            stable = asyncio.get_running_loop().time() - started > _STABLE_SECONDS
            pause = _FIRST_PAUSE if stable else min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _run_once(self) -> None:
        try:
            clients = await self._mount()
        except NothingToMountError as error:
            say(f"authelia-{self.template} waits: {error}")
            return
        process = await asyncio.create_subprocess_exec(
            *self._command(clients), stdout=PIPE, env=_environment(), preexec_fn=die_with(os.getpid())
        )
        try:
            await self._serve(process)
        finally:
            self._set_port(0)
            await _end(process)
        say(f"authelia-{self.template} ended with code {process.returncode}")

    async def _mount(self) -> Path:
        folder = self._setup.state / "pods" / self.template
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(folder / CLIENTS_FILE, await self._setup.read_clients())
        return folder / CLIENTS_FILE

    async def _serve(self, process: Process) -> None:
        if process.stdout is None:  # it was asked for
            return
        line = (await process.stdout.readline()).decode().split()
        if line[:1] == ["listening"]:
            say(f"authelia-{self.template} is ready")
            self._set_port(int(line[1]))
        await process.wait()

    def _command(self, clients: Path) -> tuple[str, ...]:
        setup = self._setup
        return (
            *(sys.executable, "-m", "app_platform.local.identity"),
            *("--config", str(clients), "--users", str(setup.users), "--state", str(setup.state)),
            *("--issuer", setup.issuer, "--port", "0", "--note", setup.note),
        )

    def _set_port(self, port: int) -> None:
        if self.port != port:
            self.port = port
            self._on_change()


def _environment() -> dict[str, str]:
    """What the provider may know: neither the cluster's credential nor what else is meant for the stand-in."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "KUBECONFIG" and not name.startswith("APP_PLATFORM_")
    }


def say(line: str) -> None:
    """A line for the log."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
    await process.wait()
