"""Who am I: groups, apps and roles, and why somebody cannot see an app."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app_platform.contracts import names
from app_platform.dashboard.access import intents, registrations
from app_platform.dashboard.apps import Seat, seat
from app_platform.dashboard.web.context import Visit, Visitor

router: Final = APIRouter()
_NAMED: Final = "The app names one of them"
_KNOWN: Final = "Kubernetes knows it"
_NOT_READY: Final = "the app's registration is not Ready; a platform admin can see why"


@dataclass(frozen=True)
class Step:
    """One step from a person to an app.

    Attributes:
        ok: Whether it holds; None when it is not looked at, since an earlier one does not.
    """

    title: str
    text: str = ""
    ok: bool | None = None


@router.get("/me")
async def me(visit: Visitor, app: str = "") -> Response:
    """Who the person is, and the way to one app if one is asked about."""
    asked = app.strip()[: names.MAX_DNS_LABEL]
    used = {group for each in visit.seats for groups in each.roles.values() for group in groups}
    return visit.page("me.html", asked=asked, steps=await way_to(visit, asked) if asked else (), used=used)


async def way_to(visit: Visit, app: str) -> Sequence[Step]:
    """Group, then ``spec.access``, then binding: where the way from a person to an app ends.

    A stranger learns nothing of the app, not even whether there is one.
    """
    known = visit.site.directory.app(app)
    place = seat(visit.person, known) if known else None
    if place is None:
        text = (
            f"None of your groups is named in spec.access of an app {app!r}, or there is no such app. "
            "Ask a platform admin to add one of your groups, or to add you to one."
        )
        return (_groups(visit), Step(_NAMED, text, ok=False), Step(_KNOWN))
    return (_groups(visit), _named(place), await _bound(visit, place))


def _groups(visit: Visit) -> Step:
    groups = visit.person.groups
    text = (
        f"The identity provider says: {', '.join(groups)}."
        if groups
        else "The identity provider names no group of yours."
    )
    return Step("You are in a group", text, ok=bool(groups))


def _named(place: Seat) -> Step:
    given = "; ".join(f"{role} through {', '.join(groups)}" for role, groups in place.roles.items())
    return Step(_NAMED, f"spec.access of {place.app.name} makes you {given}.", ok=True)


async def _bound(visit: Visit, place: Seat) -> Step:
    app = place.app.name
    actions = (registrations("get", app), intents("list", app))
    if all([await visit.access.allows(action) for action in actions]):
        text = f"Your role is bound in {names.platform_namespace(app)} and the app's namespaces."
        return Step(_KNOWN, text, ok=True)
    why = "it should be in a moment" if place.app.ready else _NOT_READY
    return Step(_KNOWN, f"The binding is not there yet: {why}.", ok=False)
