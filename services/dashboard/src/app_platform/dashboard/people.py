"""The signed-in person, and as whom Kubernetes is told that they are. Pure.

Guarantees: Kubernetes is never told a name or group of its own (``system:…``), nor one that could end a header line; a group that the
dashboard may not speak for is left out, as it can give nobody a right in an app.
Leaves out: where names and groups come from, which is ``provider``.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from app_platform.kube import PERSON_PREFIX, User

_SYSTEM: Final = "system:"
_MAX_GROUPS: Final = 500
_MAX_LENGTH: Final = 253


class UnusableNameError(Exception):
    """The provider's name for a person cannot be used in Kubernetes. The text does not repeat it."""


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in.

    Attributes:
        name: ``preferred_username`` of the provider.
        groups: As the provider names them.
        display_name: For people; the user name when the provider tells none.
    """

    name: str
    groups: tuple[str, ...] = ()
    display_name: str = ""

    @property
    def kubernetes_name(self) -> str:
        """What Kubernetes calls them."""
        return PERSON_PREFIX + self.name

    @property
    def shown_name(self) -> str:
        """What pages call them."""
        return self.display_name or self.name

    def user(self, speakable: Collection[str] | None = None) -> User:
        """Whom to impersonate.

        Args:
            speakable: Groups that the dashboard may speak for; ``None`` when it is not limited.
        """
        groups = (each for each in self.groups if speakable is None or each in speakable)
        return User(self.kubernetes_name, tuple(groups))


def person(name: object, groups: object, display_name: object = "") -> Person:
    """A person from claims, whatever they hold.

    Args:
        name: ``preferred_username``.
        groups: ``groups``, a list of names.
        display_name: ``name``.

    Raises:
        UnusableNameError: The name is empty, too long, or has characters that do not print.
    """
    if not isinstance(name, str) or not is_usable(name) or " " in name:
        raise UnusableNameError("the user name is empty, too long, or holds characters that do not print")
    listed = groups if isinstance(groups, list) else []
    shown = display_name if isinstance(display_name, str) and is_usable(display_name) else ""
    return Person(name, usable_groups(listed), shown)


def usable_groups(groups: Iterable[object]) -> tuple[str, ...]:
    """The groups that may be passed on to Kubernetes, sorted, each once."""
    kept = {each for each in groups if isinstance(each, str) and is_usable(each)}
    return tuple(sorted(each for each in kept if not each.startswith(_SYSTEM)))[:_MAX_GROUPS]


def is_usable(name: str) -> bool:
    """Whether a name can stand in a header and on a page: some printable characters, not too many, no space around them."""
    return 0 < len(name) <= _MAX_LENGTH and name.isprintable() and name == name.strip()
