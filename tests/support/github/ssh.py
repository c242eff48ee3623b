"""GitHub's SSH side: a deploy key opens the repository it belongs to, and lets its holder fetch.

Sources: https://docs.github.com/authentication/connecting-to-github-with-ssh/managing-deploy-keys ("Deploy keys"): a key belongs to one
repository; a read-only one cannot push. Git's side is ``git upload-pack`` itself.
"""

import asyncio
import shlex
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

Opens = Callable[[str], dict[str, Path]]
"""The repositories that a public key (kind and key, as one line) opens: folder by ``owner/name``."""


@dataclass
class SshServer:
    """What tests need to know of it.

    Attributes:
        port: On 127.0.0.1.
        known_hosts: Its line for that file.
        fetched: ``owner/name`` of every fetch that was let in.
    """

    port: int
    known_hosts: str
    fetched: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Before the repository's path."""
        return f"ssh://git@127.0.0.1:{self.port}"


class _Connection(asyncssh.SSHServer):
    def __init__(self, opens: Opens) -> None:
        self._opens = opens
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        repositories = self._opens(" ".join(key.export_public_key().decode().split()[:2]))
        if username != "git" or not repositories or self._connection is None:
            return False
        self._connection.set_extra_info(repositories=repositories)
        return True


@asynccontextmanager
async def ssh_server(opens: Opens) -> AsyncIterator[SshServer]:
    """A server on a port of its own, with a host key of its own."""
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    server = SshServer(0, "")

    async def serve(process: "asyncssh.SSHServerProcess[bytes]") -> None:
        await _serve(process, server)

    acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: _Connection(opens),
        server_host_keys=[host_key],
        process_factory=serve,
        encoding=None,
    )
    async with acceptor:
        server.port = acceptor.get_port()
        public = host_key.export_public_key().decode().strip()
        server.known_hosts = f"[127.0.0.1]:{server.port} {public}\n"
        yield server


async def _serve(process: "asyncssh.SSHServerProcess[bytes]", server: SshServer) -> None:
    """Run what is asked for, if it is a fetch of a repository that the key opens."""
    command, _, path = (process.command or "").partition(" ")
    name = "".join(shlex.split(path)).strip("/").removesuffix(".git")
    folder = process.get_extra_info("repositories").get(name)
    if command != "git-upload-pack" or folder is None:
        process.stderr.write(b"ERROR: Repository not found, or this key may not do that.\n")
        process.exit(1)
        return
    server.fetched.append(name)
    child = await asyncio.create_subprocess_exec(
        "git", "upload-pack", "--strict", str(folder), stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    process.exit(await child.wait())
    await process.wait_closed()
