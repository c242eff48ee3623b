"""Walks a document: which values are encrypted, and the MAC over them in order. Pure; knows nothing of YAML or keys."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app_platform.sops.errors import UnsupportedValueError
from app_platform.sops.metadata import Metadata, Rule
from app_platform.sops.values import COMMENT, Path, Scalar, encode

# SHA-256 of "sops": what SOPS starts the MAC with when it covers encrypted values only.
_ONLY_ENCRYPTED_START: Final = hashlib.sha256(b"sops").digest()

Leaf = Callable[[Any, Path, bool], Any]  # (value, key path, is it to be encrypted) -> new value


def transform(document: Mapping[str, Any], rule: Rule, leaf: Leaf) -> dict[str, Any]:
    """A copy of the document with `leaf` applied to every value in order; null values stay null, as in SOPS.

    Items of a list share the path of the list. SOPS encrypts a comment in a list into an item of its own: it is left out.
    """

    def visit(value: Any, path: Path, matched: bool) -> Any:  # noqa: ANN401, FBT001 - YAML is untyped; a recursion
        if value is None:
            return None
        if isinstance(value, Mapping):
            return {
                _key(key, path): visit(below, (*path, key), matched or rule.matches(key))
                for key, below in value.items()
            }
        if isinstance(value, list | tuple):
            items = (visit(item, path, matched) for item in value)
            return [item for item in items if item is not COMMENT]
        return leaf(value, path, rule.encrypts(matched=matched))

    result: dict[str, Any] = visit(document, (), False)  # noqa: FBT003 - nothing has matched yet
    return result


def _key(key: object, path: Path) -> str:
    if not isinstance(key, str):
        raise UnsupportedValueError(path, "has a key that is not text")
    return key


@dataclass
class Mac:
    """The running SHA-512 over the values of a file."""

    only_encrypted: bool
    _hash: Any = field(default_factory=hashlib.sha512, repr=False)

    @classmethod
    def of(cls, metadata: Metadata) -> "Mac":
        """A MAC as this file wants it."""
        mac = cls(metadata.mac_only_encrypted)
        if mac.only_encrypted:
            mac._hash.update(_ONLY_ENCRYPTED_START)
        return mac

    def add(self, value: Scalar, path: Path, *, encrypted: bool) -> None:
        """Cover the next value (in clear).

        Raises:
            UnsupportedValueError: SOPS has no type for the value.
        """
        _, plaintext = encode(value, path)
        if encrypted or not self.only_encrypted:
            self._hash.update(plaintext)

    def text(self) -> str:
        """The MAC so far: 128 upper-case hexadecimal digits."""
        digest: str = self._hash.hexdigest()
        return digest.upper()


def additional_data(path: Path) -> str:
    """The additional authenticated data of a value: its keys, each followed by a colon."""
    return "".join(f"{key}:" for key in path)
