"""The SSH face of the Git server: a deploy key opens the repository it was added to, for reading.

As on a forge (https://docs.github.com/authentication/connecting-to-github-with-ssh/managing-deploy-keys): the user is ``git``, the path is
``<owner>/<name>.git``, a key that was added nowhere is not let in. Git's side is ``git upload-pack`` itself. Left out: writing keys,
keys of people, shells, forwarding.
"""

import asyncio
import shlex
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from app_platform.local.git.store import isolated_env

Opens = Callable[[str], Mapping[str, Path]]
"""The bare repositories that a public key (``<kind> <key>``) may read: folder by ``<owner>/<name>``."""

_USER = "git"
_READ = "git-upload-pack"
_REFUSED = b"ERROR: Repository not found, or this key may not do that.\n"
_KEY_PARTS = 2


class NotAKeyError(ValueError):
    """The text is no public key of OpenSSH."""


class _Connection(asyncssh.SSHServer):
    """Lets in whoever has a key that opens something."""

    def __init__(self, opens: Opens) -> None:
        self._opens = opens
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """See SSHServer."""
        self._connection = conn

    def public_key_auth_supported(self) -> bool:
        """See SSHServer."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """See SSHServer."""
        line = public_line(key.export_public_key().decode())
        if username != _USER or self._connection is None or not self._opens(line):
            return False
        self._connection.set_extra_info(key_line=line)
        return True


@asynccontextmanager
async def serving(opens: Opens, host: str, port: int, host_key: Path) -> AsyncIterator[int]:
    """Serve while the context is open; gives the port.

    Args:
        opens: which key reads what; asked anew for each connection and each command.
        host: address to listen on.
        port: 0 for any.
        host_key: file with the server's own private key, in OpenSSH's format.
    """

    async def process(asked: "asyncssh.SSHServerProcess[bytes]") -> None:
        await _serve(asked, opens)

    acceptor = await asyncssh.listen(
        host,
        port,
        server_factory=lambda: _Connection(opens),
        server_host_keys=[str(host_key)],
        process_factory=process,
        encoding=None,
        agent_forwarding=False,
        allow_pty=False,
    )
    async with acceptor:
        yield acceptor.get_port()


def public_line(text: str) -> str:
    """A public key as ``<kind> <key>``, without its comment.

    Raises:
        NotAKeyError: the text is none.
    """
    try:
        asyncssh.import_public_key(text)
    except asyncssh.KeyImportError:
        raise NotAKeyError("not a public key: paste the line that begins with ssh-") from None
    return " ".join(text.split()[:_KEY_PARTS])


async def _serve(asked: "asyncssh.SSHServerProcess[bytes]", opens: Opens) -> None:
    repository = opens(str(asked.get_extra_info("key_line"))).get(_wanted(asked.command or ""))
    if repository is None:
        asked.stderr.write(_REFUSED)
        asked.exit(1)
        return
    child = await asyncio.create_subprocess_exec(
        "git", "upload-pack", "--strict", str(repository), env=isolated_env(), stdin=PIPE, stdout=PIPE, stderr=PIPE
    )  # fmt: skip
    await asked.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    asked.exit(await child.wait())
    await asked.wait_closed()


def _wanted(command: str) -> str:
    """``<owner>/<name>`` of the repository that a command wants to read; empty when it is another command."""
    try:
        program, path = shlex.split(command)
    except ValueError:
        return ""
    return path.strip("/").removesuffix(".git") if program == _READ else ""
