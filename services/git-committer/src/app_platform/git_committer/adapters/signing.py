"""Commit signatures by an SSH key, in the form that ``git verify-commit`` and ``ssh-keygen -Y verify`` check.

Sources: OpenSSH PROTOCOL.sshsig (format), PROTOCOL.key via ``cryptography`` (key files), git ``gpg-interface.c`` and
git-config ``gpg.format`` (namespace ``git``, signature in header ``gpgsig``).

Guarantees: the private key stays in this object, whose ``repr`` does not show it; no program is run for a signature.
Leaves out: keys with a passphrase or in an agent, and kinds other than Ed25519.
"""

import base64
import hashlib
import struct
import textwrap
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_NAMESPACE: Final = b"git"
_HASH: Final = b"sha512"
_KIND: Final = b"ssh-ed25519"
_WIDTH: Final = 70


class SigningKeyError(ValueError):
    """The file holds no key that can sign; the text says what is wanted and nothing of the file."""


class Signer:
    """Signs commits with one key.

    Args:
        key: The private key.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        """As in ``authorized_keys`` and, behind a name, in git's ``gpg.ssh.allowedSignersFile``."""

    @classmethod
    def load(cls, file: Path) -> "Signer":
        """Read a key.

        Raises:
            SigningKeyError: It cannot be read, has a passphrase, or is not an Ed25519 key in OpenSSH's format.
        """
        try:
            key = load_ssh_private_key(file.read_bytes(), password=None)
        except OSError as error:
            raise SigningKeyError(f"cannot be read: {error.strerror}") from None
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise SigningKeyError("is no OpenSSH private key without a passphrase") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningKeyError("must be an Ed25519 key: make one with ssh-keygen -t ed25519 -N ''")
        return cls(key)

    def sign(self, commit: bytes) -> str:
        """The armored signature of a commit object without its signature."""
        digest = hashlib.sha512(commit).digest()
        signed = _MAGIC + b"".join(map(_string, (_NAMESPACE, b"", _HASH, digest)))
        signature = _string(_KIND) + _string(self._key.sign(signed))
        public = base64.b64decode(self.public.split()[1])
        fields = b"".join(map(_string, (public, _NAMESPACE, b"", _HASH, signature)))
        blob = base64.b64encode(_MAGIC + struct.pack(">I", _VERSION) + fields).decode()
        lines = textwrap.wrap(blob, _WIDTH)
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----"]) + "\n"


def with_signature(commit: bytes, signature: str) -> bytes:
    """A commit object with its signature: header ``gpgsig``, continued by lines that begin with a space (git ``commit.c``)."""
    header, _, message = commit.partition(b"\n\n")
    folded = signature.rstrip("\n").replace("\n", "\n ").encode()
    return header + b"\ngpgsig " + folded + b"\n\n" + message


def _string(value: bytes) -> bytes:
    """An SSH ``string`` (RFC 4251, section 5)."""
    return struct.pack(">I", len(value)) + value
