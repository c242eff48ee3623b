"""The apps that somebody has a role in, and why. Pure.

Decides nothing: what a person may do is asked of Kubernetes (``access``). This says which apps are worth asking about, and explains.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app_platform.contracts import Role, names
from app_platform.dashboard.people import Person

RANK: Final = {Role.ADMIN: 0, Role.DEVELOPER: 1, Role.READER: 2}


@dataclass(frozen=True)
class App:
    """What the dashboard remembers of a registration.

    Attributes:
        access: Pairs of group and role.
    """

    name: str
    display_name: str = ""
    access: tuple[tuple[str, Role], ...] = ()
    ready: bool = False

    @property
    def home(self) -> str:
        """The platform namespace."""
        return names.platform_namespace(self.name)


@dataclass(frozen=True)
class Seat:
    """A person's place in an app.

    Attributes:
        app: Which.
        roles: Role to the groups of theirs that give it, the strongest role first.
    """

    app: App
    roles: Mapping[Role, tuple[str, ...]]

    @property
    def role(self) -> Role:
        """The strongest."""
        return next(iter(self.roles))


def keep(obj: Mapping[str, Any]) -> App:
    """What to remember of a registration as the API server sends it."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    ready = any(
        c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ()
    )
    entries = [(str(e.get("group", "")), str(e.get("role", ""))) for e in spec.get("access") or ()]
    access = tuple((group, Role(role)) for group, role in entries if role in set(Role))
    return App(obj["metadata"]["name"], str(spec.get("displayName") or ""), access, ready)


def seat(who: Person, app: App) -> Seat | None:
    """Somebody's place in an app; ``None`` when none of their groups is named there."""
    roles: dict[Role, tuple[str, ...]] = {}
    for role in sorted(Role, key=RANK.__getitem__):
        groups = tuple(
            sorted({group for group, given in app.access if given == role and group in who.groups})
        )
        if groups:
            roles[role] = groups
    return Seat(app, roles) if roles else None


def seats(who: Person, apps: Iterable[App]) -> Sequence[Seat]:
    """All places of somebody, by name of the app."""
    found = (seat(who, app) for app in apps)
    return sorted((each for each in found if each), key=lambda each: each.app.name)
