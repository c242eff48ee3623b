"""Every way in which a SOPS file, a key or a document can be wrong.

No message ever holds a value, a data key or an identity: at most a key path, which SOPS leaves readable in the file.

    SopsError
    ├── NotSopsError            there is no `sops` metadata: a plain file
    ├── MalformedError          broken YAML or metadata, or a feature of SOPS that this library leaves out
    ├── InvalidKeyError         a recipient or an identity that age does not accept
    ├── NoMatchingKeyError      none of the identities opens the data key
    ├── MacMismatchError        the values are not the ones that were sealed
    ├── ValueCorruptError       one value cannot be decrypted (`.path`)
    └── UnsupportedValueError   one value of a document cannot be encrypted (`.path`)
"""


class SopsError(Exception):
    """The root of all errors of this library."""


class NotSopsError(SopsError):
    """The text is a mapping, but carries no SOPS metadata."""


class MalformedError(SopsError):
    """The text, or its SOPS metadata, cannot be understood."""


class InvalidKeyError(SopsError):
    """A recipient or an identity is not a valid age X25519 key."""


class NoMatchingKeyError(SopsError):
    """None of the identities at hand opens any wrapped data key."""


class MacMismatchError(SopsError):
    """The MAC does not cover the values: the file was changed without its key, or put together from two."""


class _PathError(SopsError):
    """An error about one value, named by its key path."""

    def __init__(self, path: tuple[str, ...], problem: str) -> None:
        self.path = path
        super().__init__(f"{'.'.join(path) or 'document'}: {problem}")


class ValueCorruptError(_PathError):
    """One value is not encrypted where it must be, was altered, or was moved here from another key."""


class UnsupportedValueError(_PathError):
    """One value has a type that SOPS cannot hold."""
