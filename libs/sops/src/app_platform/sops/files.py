"""Encrypt, decrypt and change whole SOPS files. Texts in, texts out: nothing here reads or writes a disk.

Guarantees: what `encrypt`, `edit` and `rotate` write, the `sops` program decrypts, and the other way round; every
function that decrypts checks the MAC before it returns anything; with synthetic nonces the output is a pure function of
the input. Left out: comments (they are dropped on `edit`), several documents in one file, JSON/INI/ENV/binary files.
"""

import datetime as dt
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app_platform.sops.errors import (
    MacMismatchError,
    MalformedError,
    UnsupportedValueError,
    ValueCorruptError,
)
from app_platform.sops.keys import DataKey, Envelope, Identity, open_envelope
from app_platform.sops.metadata import METADATA_KEY, Metadata, Rule, new_metadata, split, timestamp
from app_platform.sops.tree import Mac, additional_data, transform
from app_platform.sops.values import COMMENT, Nonces, Path, Scalar, ValueCipher, encode, random_nonces
from app_platform.sops.yamlread import load
from app_platform.sops.yamlwrite import dump

_Ciphertexts = dict[tuple[str, str, bytes], str]  # (additional data, type, plaintext) -> the ENC[…] text


def encrypt(
    document: Mapping[str, Any],
    envelope: Envelope,
    *,
    lastmodified: dt.datetime,
    encrypted_regex: str | None = None,
    nonces: Nonces = random_nonces,
) -> str:
    """Encrypt a document into a new SOPS file.

    Args:
        document: nested mappings and lists of str, int, float, bool, bytes, aware datetime and None.
        envelope: the data key and its wrapped copies (`DataKey.generate().wrap(recipients)`).
        lastmodified: goes into the file, in whole seconds, and seals the MAC; must have a time zone.
        encrypted_regex: only values under a matching key are encrypted; without it, all but those under a key ending
            in `_unencrypted` (the default of SOPS).
        nonces: `random_nonces`, or `synthetic_nonces(context)` for an output that is a pure function of the input.

    Returns:
        The YAML text of the file.

    Raises:
        UnsupportedValueError: a value or key that SOPS cannot hold; names its path.
    """
    rule = Rule("encrypted_regex", encrypted_regex) if encrypted_regex else Rule()
    metadata = new_metadata(envelope.wrapped, rule)
    return _seal(document, metadata, ValueCipher(envelope.data_key, nonces), {}, timestamp(lastmodified))


def decrypt(text: str, identities: Sequence[Identity]) -> dict[str, Any]:
    """Decrypt a file and check its MAC.

    Returns:
        The document without its `sops` block. A text that is not UTF-8 comes back as bytes.

    Raises:
        NotSopsError, MalformedError: this is not a SOPS file, or one that is not understood.
        NoMatchingKeyError: no identity opens it.
        ValueCorruptError: one value was altered or moved; names its path.
        MacMismatchError: the values do not belong together.
    """
    values, metadata = split(load(text))
    return _open(values, metadata, open_envelope(metadata.wrapped, identities).data_key)[0]


def verify(text: str, identities: Sequence[Identity]) -> None:
    """Check that a file decrypts and that its MAC fits; the errors are those of `decrypt`."""
    decrypt(text, identities)


def edit(
    text: str,
    document: Mapping[str, Any],
    identities: Sequence[Identity],
    *,
    lastmodified: dt.datetime,
    nonces: Nonces = random_nonces,
) -> str:
    """Give a file another content; data key, recipients and rule stay, unchanged values keep their ciphertext.

    Args:
        text: the file as it is.
        document: the whole new content.
        identities: at least one that opens the file.
        lastmodified: as for `encrypt`.
        nonces: for the values that changed.

    Returns:
        The new text; the very same text when the document is what the file already holds.

    Raises:
        SopsError: as `decrypt` and `encrypt`.
    """
    values, metadata = split(load(text))
    data_key = open_envelope(metadata.wrapped, identities).data_key
    before, ciphertexts = _open(values, metadata, data_key)
    if _identical(before, document):
        return text
    return _seal(document, metadata, ValueCipher(data_key, nonces), ciphertexts, timestamp(lastmodified))


def recipients(text: str) -> tuple[str, ...]:
    """The age recipients of a file, in order; needs no key.

    Raises:
        NotSopsError, MalformedError: this is not a SOPS file, or one that is not understood.
    """
    return tuple(key.recipient for key in split(load(text))[1].wrapped)


def update_recipients(text: str, identities: Sequence[Identity], new_recipients: Sequence[str]) -> str:
    """Wrap the same data key for other recipients; no value changes, nor the copies for recipients that stay.

    A recipient that is taken out may have kept the data key: to shut it out of later values use `rotate`.

    Raises:
        SopsError: as `decrypt`; InvalidKeyError for a bad recipient.
    """
    values, metadata = split(load(text))
    _require_age_only(metadata)
    envelope = open_envelope(metadata.wrapped, identities)
    _open(values, metadata, envelope.data_key)
    rewrapped = replace(metadata, wrapped=envelope.for_recipients(new_recipients).wrapped)
    return dump({**values, METADATA_KEY: rewrapped.render()})


def rotate(
    text: str,
    identities: Sequence[Identity],
    envelope: Envelope,
    *,
    lastmodified: dt.datetime,
    nonces: Nonces = random_nonces,
) -> str:
    """Encrypt every value anew, under the data key and for the recipients of another envelope.

    Raises:
        SopsError: as `decrypt` and `encrypt`.
    """
    values, metadata = split(load(text))
    _require_age_only(metadata)
    document, _ = _open(values, metadata, open_envelope(metadata.wrapped, identities).data_key)
    fresh = replace(metadata, wrapped=envelope.wrapped)
    return _seal(document, fresh, ValueCipher(envelope.data_key, nonces), {}, timestamp(lastmodified))


def new_envelope(new_recipients: Sequence[str]) -> Envelope:
    """A new random data key for these recipients.

    Raises:
        InvalidKeyError: there is no recipient, or one is not an age X25519 public key.
    """
    return DataKey.generate().wrap(new_recipients)


def _seal(
    document: Mapping[str, Any],
    metadata: Metadata,
    cipher: ValueCipher,
    known: _Ciphertexts,
    lastmodified: str,
) -> str:
    if METADATA_KEY in document:
        raise UnsupportedValueError(
            (METADATA_KEY,), "is the key that SOPS keeps for itself: is this encrypted already?"
        )
    mac = Mac.of(metadata)

    def leaf(value: Scalar, path: Path, encrypted: bool) -> Scalar:  # noqa: FBT001 - the shape of a Leaf
        mac.add(value, path, encrypted=encrypted)
        if not encrypted:
            return value
        additional = additional_data(path)
        kept = known.get((additional, *encode(value, path))) if known else None
        return kept if kept is not None else cipher.encrypt(value, additional, path)

    values = transform(document, metadata.rule, leaf)
    sealed = metadata.sealed(cipher.encrypt(mac.text(), lastmodified, ("sops", "mac")), lastmodified)
    return dump({**values, METADATA_KEY: sealed.render()})


def _open(
    values: Mapping[str, Any], metadata: Metadata, data_key: DataKey
) -> tuple[dict[str, Any], _Ciphertexts]:
    cipher, mac = ValueCipher(data_key), Mac.of(metadata)
    ciphertexts: _Ciphertexts = {}

    def leaf(value: Scalar, path: Path, encrypted: bool) -> Any:  # noqa: ANN401, FBT001 - the shape of a Leaf
        clear = value
        if encrypted:
            additional = additional_data(path)
            clear = _decrypt_value(cipher, value, additional, path)
            if clear is COMMENT:
                return clear
            ciphertexts[(additional, *encode(clear, path))] = str(value)
        mac.add(clear, path, encrypted=encrypted)
        return clear

    document = transform(values, metadata.rule, leaf)
    _check_mac(cipher, metadata, mac.text())
    return document, ciphertexts


def _decrypt_value(cipher: ValueCipher, value: Scalar, additional: str, path: Path) -> Any:  # noqa: ANN401 - a Scalar, or COMMENT
    if not isinstance(value, str):
        raise ValueCorruptError(path, "is not encrypted, though the rule of this file says it must be")
    return cipher.decrypt(value, additional, path)


def _check_mac(cipher: ValueCipher, metadata: Metadata, computed: str) -> None:
    try:
        stored = cipher.decrypt(metadata.mac, metadata.lastmodified, ("sops", "mac"))
    except ValueCorruptError:
        raise MacMismatchError("the MAC cannot be decrypted: `mac` or `lastmodified` was altered") from None
    if not isinstance(stored, str) or not hmac.compare_digest(stored.encode(), computed.encode()):
        raise MacMismatchError(
            "the MAC does not fit: a value was added, removed, reordered or changed without the key"
        )


def _identical(before: Any, after: Any) -> bool:  # noqa: ANN401 - YAML is untyped
    """Equality that tells 1 from True and 1.0, keeps the order of keys, and takes tuples for lists."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return list(before) == list(after) and all(_identical(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list | tuple):
        return len(before) == len(after) and all(map(_identical, before, after))
    return type(before) is type(after) and before == after


def _require_age_only(metadata: Metadata) -> None:
    if not metadata.age_only():
        raise MalformedError(
            "this file has keys other than age keys, which would be lost: change its keys with sops"
        )
