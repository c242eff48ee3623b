"""What SSH needs on both sides: a key pair for Flux, and the keys by which a server is known. Pure but for the file of GitHub's keys.

Formats: OpenSSH's for keys (``ssh-keygen -t ed25519``), sshd(8) "SSH_KNOWN_HOSTS FILE FORMAT" for hosts.
Leaves out: asking a server for its key, as whoever answers then would be believed; hashed host names, which cannot be read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import resources
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

SSH_PORT: Final = 22
HASHED: Final = "|1|"
"""Beginning of a line whose host names are hashed (``ssh-keygen -H``)."""


@dataclass(frozen=True)
class KeyPair:
    """An SSH key pair.

    Attributes:
        private: OpenSSH's PEM, without passphrase, as Flux wants it in ``identity``.
        public: One line, ``ssh-ed25519 AAAA…``.
    """

    private: str = field(repr=False)
    public: str


def new_key_pair() -> KeyPair:
    """A new Ed25519 key pair."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return KeyPair(private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


def github_known_hosts() -> str:
    """Host keys of github.com, as GitHub publishes them."""
    return resources.files(__package__).joinpath("known_hosts").read_text()


def known_lines(text: str, host: str, port: int | None = None) -> list[str]:
    """The lines of a known_hosts file that name a server.

    Args:
        text: The file.
        host: Name or address.
        port: ``None`` for the usual one.
    """
    wanted = (f"[{host}]:{port}" if port and port != SSH_PORT else host).lower()
    return [line for line in _lines(text) if wanted in _names(line)]


def _lines(text: str) -> Iterable[str]:
    lines = (line.strip() for line in text.splitlines())
    return (line for line in lines if line and not line.startswith(("#", "@")))


def _names(line: str) -> list[str]:
    """The hosts of a line; none of one that has no key after them."""
    hosts, *key = line.split()
    return hosts.lower().split(",") if len(key) >= _KEY_PARTS else []


_KEY_PARTS: Final = 2
"""Kind of the key, and the key."""
