"""Client secrets: made, told apart, and turned into what Authelia keeps of them.

Guarantees: a secret comes from the operating system's randomness, 72 characters of RFC 3986's unreserved ones, so that it means the
same in a header, a form and a URL (72 · log2 66 = 435 bits). Its digest is Authelia's: PBKDF2 with SHA-512 and a random salt, in the
form ``$pbkdf2-sha512$<rounds>$<salt>$<key>`` with passlib's base64 (no padding, ``.`` for ``+``), see
https://www.authelia.com/reference/guides/passwords/#pbkdf2. A fingerprint is an HMAC under a key that only this service keeps.
Leaves out: where any of it is kept.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
from typing import Final

UNRESERVED: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
LENGTH: Final = 72
ROUNDS: Final = 310_000
"""Authelia's default for pbkdf2-sha512."""
_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 64
_KEY_ID: Final = 8
_WELL_FORMED: Final = re.compile(rf"[A-Za-z0-9._~-]{{{LENGTH}}}", re.ASCII)


def new_secret() -> str:
    """A client secret that nobody has seen."""
    return "".join(secrets.choice(UNRESERVED) for _ in range(LENGTH))


def is_well_formed(secret: str) -> bool:
    """Whether a text has the form of what ``new_secret`` makes."""
    return _WELL_FORMED.fullmatch(secret) is not None


def digest(secret: str, salt: bytes | None = None) -> str:
    """What Authelia keeps of a secret. Takes some 0.2 s of a processor, by design; it lets other threads run.

    Args:
        secret: The secret.
        salt: 16 bytes; random ones unless given.
    """
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    key = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, ROUNDS, _KEY_BYTES)
    return f"$pbkdf2-sha512${ROUNDS}${_ab64(salt)}${_ab64(key)}"


def _ab64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=").replace("+", ".")


def new_key() -> str:
    """A key for fingerprints, in hex."""
    return os.urandom(32).hex()


def fingerprint(secret: str, key: str) -> str:
    """What tells secrets apart: ``<id of the key>.<HMAC-SHA-256 in hex>``."""
    return f"{_hmac(key, 'id')[:_KEY_ID]}.{_hmac(key, f'secret:{secret}')}"


def is_of_key(found: str, key: str) -> bool:
    """Whether a fingerprint was made with this key."""
    return found.startswith(f"{_hmac(key, 'id')[:_KEY_ID]}.")


def _hmac(key: str, text: str) -> str:
    return hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()
