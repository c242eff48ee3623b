"""How a session is kept so that only its browser can open it. Pure.

The store sees a key and a value that are both made from the random id in the browser's cookie: the key is a digest of it (RFC 5869
HKDF-SHA256), the value AES-256-GCM under another one. Who reads the store can neither use a session nor read its tokens, and who
writes it cannot make one. Each value is sealed with its purpose, so that one kind of record cannot be taken for another.
"""

import os
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_ID_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_MAX_ID: Final = 64


def new_id() -> str:
    """A new id: 256 random bits, for a cookie or a URL (43 characters)."""
    return secrets.token_urlsafe(_ID_BYTES)


def is_id(text: str) -> bool:
    """Whether a text could be an id; saves deriving keys from nonsense."""
    return 0 < len(text) <= _MAX_ID and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def store_key(purpose: str, record_id: str) -> str:
    """Under which key the store has a record."""
    return f"{purpose}.{_derive(record_id, f'key of {purpose}').hex()}"


def seal(purpose: str, record_id: str, content: bytes) -> bytes:
    """Encrypt a record: nonce and ciphertext."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(purpose, record_id).encrypt(nonce, content, purpose.encode())


def open_sealed(purpose: str, record_id: str, sealed: bytes) -> bytes | None:
    """The record, or ``None`` when it was not sealed with this id for this purpose."""
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return _cipher(purpose, record_id).decrypt(nonce, ciphertext, purpose.encode())
    except (InvalidTag, ValueError):
        return None


def _cipher(purpose: str, record_id: str) -> AESGCM:
    return AESGCM(_derive(record_id, f"content of {purpose}"))


def _derive(record_id: str, what: str) -> bytes:
    # No salt: the id is uniformly random already (RFC 5869, section 3.1).
    return HKDF(SHA256(), 32, salt=None, info=f"app-platform dashboard: {what}".encode()).derive(
        record_id.encode()
    )
