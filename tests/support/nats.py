"""A nats-server of one's own, which tests may stop, kill and rob of its store."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from app_platform.local import find_tool
from app_platform.local.ports import choose
from app_platform.runtime.connection import API

# Everybody in one account, where all find JetStream under the name that it has in accounts of their own.
ONE_ACCOUNT = f'mappings {{ "{API}.>": "$JS.API.>" }}\n'


class NatsServer:
    """One nats-server with JetStream on files; its port stays the same over restarts.

    Args:
        folder: For its store, log and configuration.
        more: Of its configuration.
    """

    def __init__(self, folder: Path, more: str = ONE_ACCOUNT) -> None:
        self.store = folder / "store"
        self._log = folder / "nats.log"
        self._config = folder / "nats.conf"
        self._more = more
        self._program = find_tool("nats-server", os.environ, print)
        self.port = choose(["nats"], {}, f"{folder}")["nats"]
        self.url = f"nats://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._config.write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.store}" }}\n{self._more}'
        )
        self._process = subprocess.Popen([str(self._program), "-c", str(self._config), "-l", str(self._log)])
        deadline = time.monotonic() + 30
        while not self._listens():
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lose_store(self) -> None:
        """Crash it and start it with nothing of what it had."""
        self.kill()
        shutil.rmtree(self.store)
        self.start()


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server with an empty store."""
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()


async def until(is_so: Callable[[], object | Awaitable[object]], what: str, *, within: float = 30.0) -> None:
    """Let the event loop run until `is_so()` holds; fails, saying what did not happen, after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = is_so()
        if await found if isinstance(found, Awaitable) else found:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within:.0f} s: {what}")
        await asyncio.sleep(0.02)
