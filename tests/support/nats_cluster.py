"""A cluster of three nats-servers on loopback, whose nodes tests may kill, pause and start again."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app_platform.local import find_tool
from app_platform.local.ports import choose
from support.nats import ONE_ACCOUNT

_NAMES = ("n-0", "n-1", "n-2")


@dataclass
class Node:
    """One nats-server of the cluster.

    Attributes:
        name: as the cluster knows it.
        url: for clients.
        config: its configuration file.
    """

    name: str
    url: str
    config: Path
    program: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it; returns at once."""
        self._process = subprocess.Popen([str(self.program), "-c", str(self.config)])

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)  # a paused process cannot be waited for
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Nothing comes from it or goes to it any more, though its connections stay open."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, f"{self.name} does not run"
        self._process.send_signal(number)


class NatsCluster:
    """Three nodes, each with a store of its own."""

    def __init__(self, folder: Path) -> None:
        program = find_tool("nats-server", os.environ, print)
        listeners = [f"{name}{kind}" for name in _NAMES for kind in ("", "-route")]
        ports = choose(listeners, {}, str(folder))
        routes = ", ".join(f"nats://127.0.0.1:{ports[f'{name}-route']}" for name in _NAMES)
        self.nodes: dict[str, Node] = {}
        for name in _NAMES:
            config = folder / f"{name}.conf"
            config.write_text(_config(name, folder, ports[name], ports[f"{name}-route"], routes))
            self.nodes[name] = Node(name, f"nats://127.0.0.1:{ports[name]}", config, program)

    @property
    def url(self) -> str:
        """All nodes, as a client wants them."""
        return ",".join(node.url for node in self.nodes.values())

    def start(self) -> None:
        """Start all nodes and wait until they listen."""
        for node in self.nodes.values():
            node.start()
        deadline = time.monotonic() + 30
        for node in self.nodes.values():
            while not _listens(int(node.url.rpartition(":")[2])):
                assert time.monotonic() < deadline, f"{node.name} does not listen"
                time.sleep(0.02)

    def kill(self) -> None:
        """End all nodes."""
        for node in self.nodes.values():
            node.kill()


def _config(name: str, folder: Path, port: int, route: int, routes: str) -> str:
    return f"""
server_name: {name}
listen: "127.0.0.1:{port}"
logfile: "{folder / f"{name}.log"}"
jetstream {{ store_dir: "{folder / name}" }}
{ONE_ACCOUNT}cluster {{ name: test, listen: "127.0.0.1:{route}", routes: [{routes}] }}
"""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def nats_cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    """A cluster with empty stores."""
    cluster = NatsCluster(tmp_path)
    cluster.start()
    yield cluster
    cluster.kill()
