"""One value of a SOPS file: its bytes, its ciphertext, and where its nonce comes from.

`ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]` is AES-256-GCM with a 32-byte nonce; the additional data is the key path
(`data:password:`), so that a ciphertext works only under the key it was made for. Formats are those of getsops/sops
`aes/cipher.go` and `sops.go` (`ToBytes`).

**Synthetic nonces.** With `random_nonces` each call gives other bytes. With `synthetic_nonces(context)` the nonce is a
pseudo-random function of the path, the type and the value, under a key derived from the data key: encryption becomes a
pure function of its inputs, and unchanged values keep their ciphertext. This is the SIV construction: two different
(path, type, value) get different nonces but for a chance of 2^-128, so no nonce is ever used for two messages, which is what
GCM demands. What it reveals is what stable diffs need: that a value under the same data key, context and path is the
same as before (also for equal items of one list, which share a path in SOPS).
"""

import base64
import binascii
import datetime as dt
import hmac
import re
import secrets
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app_platform.sops.errors import UnsupportedValueError, ValueCorruptError
from app_platform.sops.keys import DataKey

Scalar = str | int | float | bool | bytes | dt.datetime
Path = tuple[str, ...]
NonceSource = Callable[[str, str, bytes], bytes]  # (additional data, type, plaintext) -> 32 bytes
Nonces = Callable[[DataKey], NonceSource]

COMMENT: Final = object()  # what an encrypted comment decrypts to: it is part of no document and of no MAC

_NONCE_BYTES: Final = 32
_TAG_BYTES: Final = 16
_INT64: Final = range(-(2**63), 2**63)
_ENCRYPTED: Final = re.compile(r"ENC\[AES256_GCM,data:([^,]+),iv:([^,]+),tag:([^,]+),type:([a-z]+)\]")


def random_nonces(_data_key: DataKey) -> NonceSource:
    """A fresh random nonce for each value, as the `sops` program does."""
    return lambda _additional, _kind, _plaintext: secrets.token_bytes(_NONCE_BYTES)


def synthetic_nonces(context: bytes) -> Nonces:
    """Nonces that make encryption a pure function of its inputs; see above why that is safe.

    Args:
        context: what sets apart files that share a data key (say, the file's path): equal values in different contexts
            have unrelated ciphertexts.
    """

    def derive(data_key: DataKey) -> NonceSource:
        # One block of HKDF-Expand (RFC 5869); the data key is uniformly random, so there is nothing to extract.
        nonce_key = hmac.digest(data_key.raw, b"app-platform/sops/nonce/v1\0" + context + b"\x01", "sha256")

        def nonce(additional: str, kind: str, plaintext: bytes) -> bytes:
            fields = (additional.encode(), kind.encode(), plaintext)
            message = b"".join(len(part).to_bytes(8, "big") + part for part in fields)
            return hmac.digest(nonce_key, message, "sha256")

        return nonce

    return derive


class ValueCipher:
    """Encrypts and decrypts single values under one data key."""

    def __init__(self, data_key: DataKey, nonces: Nonces = random_nonces) -> None:
        self._aead = AESGCM(data_key.raw)
        self._nonce = nonces(data_key)

    def encrypt(self, value: Scalar, additional: str, path: Path) -> str:
        """Encrypt one value; an empty one stays empty, as in SOPS.

        Args:
            value: what to encrypt.
            additional: additional authenticated data.
            path: the key path, for errors.

        Raises:
            UnsupportedValueError: SOPS has no type for the value.
        """
        kind, plaintext = encode(value, path)
        if not plaintext:
            return ""
        nonce = self._nonce(additional, kind, plaintext)
        sealed = self._aead.encrypt(nonce, plaintext, additional.encode())
        data, tag = _b64(sealed[:-_TAG_BYTES]), _b64(sealed[-_TAG_BYTES:])
        return f"ENC[AES256_GCM,data:{data},iv:{_b64(nonce)},tag:{tag},type:{kind}]"

    def decrypt(self, text: str, additional: str, path: Path) -> Any:  # noqa: ANN401 - a Scalar, or COMMENT
        """Decrypt one value; an empty text is the empty string, an encrypted comment is `COMMENT`.

        Raises:
            ValueCorruptError: the text is not a SOPS value, or not one made with this key for this place.
        """
        if not text:
            return ""
        match = _ENCRYPTED.fullmatch(text)
        if match is None:
            raise ValueCorruptError(path, "is not an encrypted value: expected ENC[AES256_GCM,…]")
        try:
            data, nonce, tag = (base64.b64decode(part, validate=True) for part in match.groups()[:3])
            plaintext = self._aead.decrypt(nonce, data + tag, additional.encode())
        except (binascii.Error, ValueError, InvalidTag):
            raise ValueCorruptError(
                path, "cannot be decrypted: altered, or moved here from another key or file"
            ) from None
        return _decode(match[4], plaintext, path)


def encode(value: object, path: Path) -> tuple[str, bytes]:
    """The SOPS type name of a value, and the bytes that are encrypted and that the MAC covers.

    Raises:
        UnsupportedValueError: SOPS has no type for the value.
    """
    match value:
        case str():
            return "str", _utf8(value, path)
        case bytes():  # SOPS reads YAML's !!binary as a string of arbitrary bytes
            return "str", value
        case bool():
            return "bool", b"True" if value else b"False"
        case int() if value in _INT64:
            return "int", str(value).encode()
        case float():
            return "float", _float_text(value).encode()
        case dt.datetime() if value.tzinfo is not None:
            return "time", rfc3339(value).encode()
    raise UnsupportedValueError(path, f"SOPS has no type for this {type(value).__name__}")


def rfc3339(moment: dt.datetime) -> str:
    """A time as Go writes it: RFC 3339, `Z` for UTC, the fraction without trailing zeros."""
    text = moment.replace(microsecond=0).isoformat()
    fraction = f"{moment.microsecond:06}".rstrip("0")
    clock, offset = text[:19], text[19:]
    return clock + (f".{fraction}" if fraction else "") + ("Z" if offset == "+00:00" else offset)


def _decode(kind: str, plaintext: bytes, path: Path) -> object:
    try:
        return _DECODERS[kind](plaintext)
    except KeyError:
        raise ValueCorruptError(path, f"has the unknown type {kind!r}") from None
    except ValueError:
        raise ValueCorruptError(path, f"does not hold a value of its type {kind!r}") from None


def _text(plaintext: bytes) -> str | bytes:
    try:
        return plaintext.decode()
    except UnicodeDecodeError:
        return plaintext


_TRUTH: Final = {"True": True, "False": False, "true": True, "false": False}


def _truth(plaintext: bytes) -> bool:
    try:
        return _TRUTH[plaintext.decode()]
    except KeyError:
        raise ValueError from None


_DECODERS: Final[dict[str, Callable[[bytes], object]]] = {
    "str": _text,
    "int": int,
    "float": float,
    "bool": _truth,
    "bytes": bytes,
    "comment": lambda _: COMMENT,
    "time": lambda plaintext: dt.datetime.fromisoformat(plaintext.decode()),
}


def _utf8(value: str, path: Path) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise UnsupportedValueError(path, "holds a lone surrogate, which is not text") from None


def _float_text(value: float) -> str:
    if not isfinite(value):
        return {"inf": "+Inf", "-inf": "-Inf"}.get(repr(value), "NaN")
    text = format(
        Decimal(repr(value)), "f"
    )  # the shortest digits that read back as the same number, no exponent
    return text.removesuffix(".0")


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
