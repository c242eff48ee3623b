"""GitHub's API and its SSH side in a thread of their own, for tests of whole platforms, which do not run in an event loop."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from support.github.faults import Limits
from support.github.server import GitHubServer, github_server
from support.github.ssh import SshServer, ssh_server


@dataclass(frozen=True)
class GitHub:
    """Both sides. A test may look at them and change them: what they do in one step is not interrupted."""

    api: GitHubServer
    ssh: SshServer


@contextmanager
def running_github(folder: Path, limits: Limits | None = None) -> Iterator[GitHub]:
    """Both sides, until the context ends."""
    made: SimpleQueue[GitHub | Exception] = SimpleQueue()
    ended = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(folder, limits, made, ended)), name="github")
    thread.start()
    try:
        github = made.get(timeout=30)
        if isinstance(github, Exception):
            raise github
        yield github
    finally:
        ended.set()
        thread.join(30)


async def _serve(
    folder: Path,
    limits: Limits | None,
    made: "SimpleQueue[GitHub | Exception]",
    ended: threading.Event,
) -> None:
    try:
        async with github_server(folder, limits) as api, ssh_server(folder, api.opened_by) as ssh:
            api.ssh_base = f"{ssh.url}/"
            made.put(GitHub(api, ssh))
            await asyncio.to_thread(ended.wait)
    except Exception as error:  # noqa: BLE001 - the thread that waits for it raises it
        made.put(error)
