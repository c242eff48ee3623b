"""The `sops` block of a file: who can open it, which values are encrypted, and the seal over all of them.

Settings that this library does not interpret (say, KMS keys beside the age keys) are kept as they are. What would
change the meaning of the file, and is not understood, is refused: key groups (Shamir) and rules by comment.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from app_platform.sops.errors import MalformedError, NotSopsError
from app_platform.sops.keys import WrappedKey
from app_platform.sops.values import rfc3339

METADATA_KEY: Final = "sops"
SOPS_VERSION: Final = "3.13.3"  # the release whose format is written, and that the contract tests run against
_RULES: Final = ("unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex")
_REFUSED: Final = ("key_groups", "shamir_threshold", "encrypted_comment_regex", "unencrypted_comment_regex")
_OTHER_KEYS: Final = ("kms", "gcp_kms", "hckms", "azure_kv", "hc_vault", "pgp")


@dataclass(frozen=True)
class Rule:
    """Which keys choose the values to encrypt; a key also decides for all that is below it.

    Attributes:
        setting: one of the four names of SOPS: `(un)encrypted_suffix`, `(un)encrypted_regex`.
        pattern: the suffix or the regular expression (searched for, not anchored).
    """

    setting: str = "unencrypted_suffix"
    pattern: str = "_unencrypted"

    def matches(self, key: str) -> bool:
        """Whether this one key matches."""
        if self.setting.endswith("suffix"):
            return key.endswith(self.pattern)
        return re.search(self.pattern, key) is not None

    def encrypts(self, *, matched: bool) -> bool:
        """Whether a value is encrypted, given whether any key on its path matched."""
        return matched == self.setting.startswith("encrypted")


@dataclass(frozen=True)
class Metadata:
    """The parsed `sops` block.

    Attributes:
        wrapped: the data key, once per age recipient.
        rule: which values are encrypted.
        lastmodified: RFC 3339, UTC, in seconds; it is also the additional data of the MAC.
        mac: the encrypted MAC.
        mac_only_encrypted: whether the MAC leaves unencrypted values out.
        other: settings that are carried along.
    """

    wrapped: tuple[WrappedKey, ...]
    rule: Rule
    lastmodified: str
    mac: str
    mac_only_encrypted: bool
    other: Mapping[str, Any]

    @classmethod
    def parse(cls, block: Mapping[str, Any]) -> Self:
        """Read the `sops` block.

        Raises:
            MalformedError: a setting is missing, of the wrong type, or not supported; names the setting.
        """
        for name in _REFUSED:
            if block.get(name):
                raise MalformedError(f"sops.{name} is not supported")
        known = {"age", "lastmodified", "mac", "mac_only_encrypted", *_RULES}
        return cls(
            wrapped=tuple(_wrapped_key(entry, at) for at, entry in enumerate(_age_entries(block))),
            rule=_rule(block),
            lastmodified=_lastmodified(block.get("lastmodified")),
            mac=_string(block, "mac"),
            mac_only_encrypted=block.get("mac_only_encrypted") is True,
            other={name: value for name, value in block.items() if name not in known},
        )

    def render(self) -> dict[str, Any]:
        """The `sops` block, its settings in the order in which SOPS writes them."""
        block = {
            **self.other,
            "age": [{"enc": key.enc, "recipient": key.recipient} for key in self.wrapped],
            self.rule.setting: self.rule.pattern,
            "lastmodified": self.lastmodified,
            "mac": self.mac,
        }
        if self.mac_only_encrypted:
            block["mac_only_encrypted"] = True
        return dict(sorted(block.items()))

    def sealed(self, mac: str, lastmodified: str) -> Self:
        """A copy with another seal."""
        return replace(self, mac=mac, lastmodified=lastmodified)

    def age_only(self) -> bool:
        """Whether only age keys open this file, so that age keys alone may be exchanged."""
        return not any(self.other.get(name) for name in _OTHER_KEYS)


def new_metadata(
    wrapped: tuple[WrappedKey, ...], rule: Rule, *, mac_only_encrypted: bool = False
) -> Metadata:
    """The metadata of a new file, not yet sealed."""
    return Metadata(wrapped, rule, "", "", mac_only_encrypted, {"version": SOPS_VERSION})


def split(document: Mapping[str, Any]) -> tuple[dict[str, Any], Metadata]:
    """Part a file into its values and its metadata.

    Raises:
        NotSopsError: there is no `sops` block.
        MalformedError: the block cannot be understood.
    """
    block = document.get(METADATA_KEY)
    if block is None:
        raise NotSopsError("there is no `sops` block: this file is not encrypted with SOPS")
    if not isinstance(block, Mapping):
        raise MalformedError("`sops` is not a mapping")
    values = {key: value for key, value in document.items() if key != METADATA_KEY}
    return values, Metadata.parse(block)


def timestamp(moment: dt.datetime) -> str:
    """A time as `lastmodified` has it: UTC, whole seconds.

    Raises:
        ValueError: the time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("lastmodified needs a time zone")
    return rfc3339(moment.astimezone(dt.UTC).replace(microsecond=0))


def _age_entries(block: Mapping[str, Any]) -> list[Any]:
    entries = block.get("age") or []
    if not isinstance(entries, list):
        raise MalformedError("sops.age is not a list")
    return entries


def _wrapped_key(entry: object, at: int) -> WrappedKey:
    match entry:
        case {"recipient": str(recipient), "enc": str(enc)}:
            return WrappedKey(recipient, enc)
    raise MalformedError(f"sops.age[{at}] needs the texts `recipient` and `enc`")


def _rule(block: Mapping[str, Any]) -> Rule:
    rules = [Rule(name, _string(block, name)) for name in _RULES if block.get(name)]
    if len(rules) > 1:
        raise MalformedError(
            f"sops has both {rules[0].setting} and {rules[1].setting}: only one rule is allowed"
        )
    rule = rules[0] if rules else Rule()
    try:
        rule.matches("")
    except re.error:
        raise MalformedError(f"sops.{rule.setting} is not a valid regular expression") from None
    return rule


def _lastmodified(value: object) -> str:
    try:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
        return rfc3339(moment.replace(microsecond=0))
    except ValueError:
        raise MalformedError("sops.lastmodified is not a time in RFC 3339") from None


def _string(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"sops.{name} is missing or not text")
    return value
