"""Password digests in the formats of Authelia: modular crypt format, as of its guide "Passwords".

    $pbkdf2-sha512$310000$<salt>$<key>            base64 without padding, with `.` in the place of `+`
    $argon2id$v=19$m=65536,t=3,p=4$<salt>$<key>

Only these two families are verified. Authelia knows more (bcrypt, scrypt, sha2crypt, plaintext); a file that uses them is
refused when it is loaded.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AB64 = r"[A-Za-z0-9./]+"
_PBKDF2 = re.compile(
    rf"\$pbkdf2(?:-(?P<hash>sha(?:1|224|256|384|512)))?\$(?P<rounds>[1-9]\d{{0,7}})\$(?P<salt>{_AB64})\$(?P<key>{_AB64})"
)
_ARGON2 = re.compile(r"\$argon2(?:id|i|d)\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")

WHY_UNKNOWN = (
    "must be a pbkdf2 or argon2 digest: the local provider verifies no other, and none in plain text"
)


def is_known(digest: str) -> bool:
    """Whether `verify` can check secrets against this digest."""
    return _verifier(digest) is not None


def verify(digest: str, secret: str) -> bool:
    """Whether the digest is of this secret; false for a digest of an unknown format. Takes as long as the digest asks for."""
    verifier = _verifier(digest)
    return verifier is not None and verifier(digest, secret)


def _verifier(digest: str) -> Callable[[str, str], bool] | None:
    if _PBKDF2.fullmatch(digest):
        return _verify_pbkdf2
    return _verify_argon2 if _ARGON2.fullmatch(digest) else None


def _verify_pbkdf2(digest: str, secret: str) -> bool:
    parts = _PBKDF2.fullmatch(digest)
    if parts is None:
        return False
    key = _decode(parts["key"])
    salt, rounds = _decode(parts["salt"]), int(parts["rounds"])
    derived = hashlib.pbkdf2_hmac(parts["hash"] or "sha1", secret.encode(), salt, rounds, len(key))
    return hmac.compare_digest(derived, key)


def _verify_argon2(digest: str, secret: str) -> bool:
    try:
        return PasswordHasher().verify(digest, secret)
    except (VerificationError, InvalidHashError):
        return False


def _decode(text: str) -> bytes:
    """Passlib's `ab64`: base64 with `.` for `+` and without padding."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))
