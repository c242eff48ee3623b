"""Data keys, and the age keys that wrap them.

The only module that touches age. A file has one 32-byte data key, encrypted once for each recipient ("wrapped"); whoever
holds one of the identities opens it. `repr` of everything here is safe to log.

Left out: age plug-ins, passphrases, SSH and post-quantum keys, and the other key services of SOPS (KMS, PGP, Vault).
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import pyrage

from app_platform.sops.errors import InvalidKeyError, MalformedError, NoMatchingKeyError

_DATA_KEY_BYTES = 32


@dataclass(frozen=True)
class Identity:
    """An age private key (`AGE-SECRET-KEY-1…`) and its public half.

    Attributes:
        secret: the private key as text; kept out of `repr`.
        recipient: the public key (`age1…`), which may be shown to anyone.
    """

    secret: str = field(repr=False)
    recipient: str

    @classmethod
    def generate(cls) -> Self:
        """Make a new random identity."""
        key = pyrage.x25519.Identity.generate()
        return cls(secret=str(key), recipient=str(key.to_public()))

    @classmethod
    def parse(cls, secret: str) -> Self:
        """Read one private key.

        Raises:
            InvalidKeyError: the text is not an age X25519 private key.
        """
        key = _identity(secret)
        return cls(secret=str(key), recipient=str(key.to_public()))


def parse_identities(key_file: str) -> tuple[Identity, ...]:
    """Read an age key file: one private key a line; empty lines and `#` comments are skipped.

    Raises:
        InvalidKeyError: a line is not an age X25519 private key, or there is none at all.
    """
    lines = (line.strip() for line in key_file.splitlines())
    identities = tuple(Identity.parse(line) for line in lines if line and not line.startswith("#"))
    if not identities:
        raise InvalidKeyError("the age key file holds no key: expected a line AGE-SECRET-KEY-1…")
    return identities


@dataclass(frozen=True)
class WrappedKey:
    """A data key encrypted for one recipient: one entry of `sops.age` in a file.

    Attributes:
        recipient: the age public key.
        enc: the armored age file that holds the data key. Ciphertext; different each time it is made.
    """

    recipient: str
    enc: str


@dataclass(frozen=True)
class DataKey:
    """The AES-256 key that encrypts the values of a file; its bytes are kept out of `repr`."""

    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.raw) != _DATA_KEY_BYTES:
            raise MalformedError(f"a data key has {_DATA_KEY_BYTES} bytes, this one has {len(self.raw)}")

    @classmethod
    def generate(cls) -> Self:
        """Make a new random data key."""
        return cls(secrets.token_bytes(_DATA_KEY_BYTES))

    def wrap(self, recipients: Sequence[str]) -> "Envelope":
        """Encrypt this key for each recipient separately, as SOPS does.

        Args:
            recipients: age public keys (`age1…`); at least one.

        Raises:
            InvalidKeyError: there is no recipient, or one is not an age X25519 public key.
        """
        if not recipients:
            raise InvalidKeyError("a data key needs at least one recipient, or nobody could ever open it")
        wrapped = (
            WrappedKey(recipient, _wrap(self.raw, recipient)) for recipient in dict.fromkeys(recipients)
        )
        return Envelope(self, tuple(wrapped))


@dataclass(frozen=True)
class Envelope:
    """A data key together with its wrapped copies: all that encrypting a file needs.

    Keep `wrapped` (it is ciphertext) and open it again to encrypt under the same data key later.
    """

    data_key: DataKey
    wrapped: tuple[WrappedKey, ...]

    def for_recipients(self, recipients: Sequence[str]) -> "Envelope":
        """The same data key for other recipients; copies for recipients that stay are kept as they are.

        Raises:
            InvalidKeyError: there is no recipient, or one is not an age X25519 public key.
        """
        kept = {key.recipient: key for key in self.wrapped if key.recipient in recipients}
        added = [recipient for recipient in recipients if recipient not in kept]
        fresh = {key.recipient: key for key in self.data_key.wrap(added).wrapped} if added or not kept else {}
        return Envelope(self.data_key, tuple((kept | fresh)[name] for name in dict.fromkeys(recipients)))


def open_envelope(wrapped: Iterable[WrappedKey], identities: Sequence[Identity]) -> Envelope:
    """Open a wrapped data key with the first identity that fits.

    Raises:
        NoMatchingKeyError: none of the identities opens any of the copies.
        MalformedError: what was wrapped is not a data key.
    """
    wrapped = tuple(wrapped)
    for raw in _opened(wrapped, identities):
        return Envelope(DataKey(raw), wrapped)
    recipients = ", ".join(key.recipient for key in wrapped) or "nobody"
    raise NoMatchingKeyError(
        f"the data key is encrypted for {recipients}; none of the {len(identities)} keys opens it"
    )


def _opened(wrapped: tuple[WrappedKey, ...], identities: Sequence[Identity]) -> Iterator[bytes]:
    keys = [_identity(identity.secret) for identity in identities]
    for key in wrapped:
        try:
            yield pyrage.decrypt(key.enc.encode(), keys)
        except pyrage.DecryptError:  # for somebody else, or damaged: another copy may still open
            continue


def is_recipient(text: str) -> bool:
    """Whether a text is an age X25519 public key (`age1…`)."""
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        return False
    return True


def _wrap(raw: bytes, recipient: str) -> str:
    try:
        key = pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise InvalidKeyError(f"{recipient!r} is not an age public key (age1…)") from None
    armored: bytes = pyrage.encrypt(raw, [key], armored=True)
    # age ends every line with a line feed, the last one too; pyrage versions differ about the last.
    return armored.decode().rstrip("\n") + "\n"


def _identity(secret: str) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(secret)
    except pyrage.IdentityError:
        raise InvalidKeyError("not an age private key: expected AGE-SECRET-KEY-1…") from None
