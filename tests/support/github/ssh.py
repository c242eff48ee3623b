"""GitHub's SSH side, which is that of the local Git server: a deploy key opens its repository and lets its holder fetch.

Sources: https://docs.github.com/authentication/connecting-to-github-with-ssh/managing-deploy-keys ("Deploy keys"): a key belongs to one
repository; a read-only one cannot push.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from app_platform.local.git.ssh import Opens, serving


@dataclass(frozen=True)
class SshServer:
    """What tests need to know of it.

    Attributes:
        url: Before the repository's path.
        known_hosts: Its line for that file.
    """

    url: str
    known_hosts: str


@asynccontextmanager
async def ssh_server(folder: Path, opens: Opens) -> AsyncIterator[SshServer]:
    """A server on a port of its own, with a host key of its own in the folder."""
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    file = folder / "host-key"
    host_key.write_private_key(str(file))
    public = host_key.export_public_key().decode().strip()
    async with serving(opens, "127.0.0.1", 0, file) as port:
        yield SshServer(f"ssh://git@127.0.0.1:{port}", f"[127.0.0.1]:{port} {public}\n")
