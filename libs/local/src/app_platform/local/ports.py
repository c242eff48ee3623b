"""Ports of 127.0.0.1, chosen once and kept, so that URLs survive restarts.

They are taken from below the range that the kernel hands out to outgoing connections: a kept port is then free again
when its program restarts. Two platforms start looking at different places, so that they seldom meet.
"""

import hashlib
import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from app_platform.local.errors import StateError

FIRST, LAST = 20_000, 31_999


def is_free(port: int) -> bool:
    """Whether a listener could bind `port` on 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(
    names: Iterable[str], kept: Mapping[str, int], seed: str, *, free: Callable[[int], bool] = is_free
) -> dict[str, int]:
    """A port for every name: the kept one where there is one, a free one otherwise.

    Args:
        names: what needs a port.
        kept: the choice of an earlier run; names that are no longer needed are kept too.
        seed: decides where to start looking; the path of the state directory will do.
        free: tells whether a port can be bound.
    """
    ports = dict(kept)
    candidates = _candidates(seed)
    for name in names:
        if name not in ports:
            ports[name] = next(port for port in candidates if port not in ports.values() and free(port))
    return ports


def _candidates(seed: str) -> Iterator[int]:
    span = LAST - FIRST + 1
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) % span
    yield from (FIRST + (start + offset) % span for offset in range(span))
    raise StateError(f"no port between {FIRST} and {LAST} is free on 127.0.0.1")


def load(path: Path) -> dict[str, int]:
    """The kept ports; none when there is no file yet."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def save(path: Path, ports: Mapping[str, int]) -> None:
    """Keep the ports."""
    path.write_text(json.dumps(ports, indent=2) + "\n")


def require_free(ports: Mapping[str, int], file: Path) -> None:
    """Refuse to start when a kept port is now somebody else's.

    Raises:
        StateError: naming the port and what to do.
    """
    taken = {name: port for name, port in ports.items() if not is_free(port)}
    if taken:
        listed = ", ".join(f"{port} ({name})" for name, port in sorted(taken.items()))
        raise StateError(
            f"taken by another program: {listed}. Stop that program, or remove {file} to choose new ports"
        )
