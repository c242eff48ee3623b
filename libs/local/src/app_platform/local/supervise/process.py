"""Starting and ending one operating system process, and asking it whether it is ready.

Each child leads a process group of its own, so that its own children end with it, and on Linux the kernel kills it when
the supervisor dies, however that happens.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import ssl
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from app_platform.local.supervise.child import Child

_PR_SET_PDEATHSIG = 1
_PROBE_SECONDS = 5.0


def die_with(parent: int, sent: int = signal.SIGKILL) -> Callable[[], None]:
    """A function that binds the calling process to its parent; without effect where the kernel has no such thing.

    Args:
        parent: the process id that the parent must still have.
        sent: the signal the kernel sends when the parent is gone.
    """
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork, where little is allowed

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, sent)
        if os.getppid() != parent:  # it died in between: the signal will not come any more
            os._exit(1)

    return bind


async def spawn(child: Child, log: Path) -> Process:
    """Start `child`, with both outputs appended to `log`.

    Raises:
        OSError: the program cannot be executed.
    """
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *child.argv,
            env=dict(child.env),
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )


async def terminate(process: Process, patience: float) -> None:
    """End `process` and its group: politely, and after `patience` seconds not."""
    if process.returncode is None:
        signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
    signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def signal_group(leader: int, sent: int) -> None:
    """Send a signal to a process group; it may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        os.killpg(leader, sent)


async def is_ready(child: Child) -> bool:
    """Whether the child's `ready` URL answers 200 now."""
    if not child.ready:
        return True
    try:
        return await asyncio.wait_for(_status(child), _PROBE_SECONDS) == b"200"
    except (OSError, TimeoutError, ValueError):
        return False


async def _status(child: Child) -> bytes:
    url = urlsplit(child.ready)
    tls = ssl.create_default_context(cafile=child.ca_file) if url.scheme == "https" else None
    reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=tls)
    try:
        writer.write(f"GET {url.path} HTTP/1.0\r\nHost: {url.netloc}\r\n\r\n".encode())
        line = await reader.readline()
        return line.split(b" ")[1] if line.count(b" ") else b""
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
