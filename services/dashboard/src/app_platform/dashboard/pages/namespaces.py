"""Namespaces of an app: list, add, remove."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from app_platform.contracts import Access, ConditionType, Registration, Role
from app_platform.dashboard import intents as intent_store
from app_platform.dashboard import words
from app_platform.dashboard.access import intents, registrations
from app_platform.dashboard.apps import RANK
from app_platform.dashboard.registering import add_namespace, namespace_fault, remove_namespace
from app_platform.dashboard.web.context import AppVisit, InApp, Posted
from app_platform.dashboard.web.forms import Form
from app_platform.kube import KubeError, Scope, Selector
from app_platform.kube.registrations import REGISTRATIONS

router: Final = APIRouter(prefix="/apps/{app}/namespaces")


@dataclass(frozen=True)
class Row:
    """A namespace of the list.

    Attributes:
        state: Ready, Pending or Failed.
        managed: Whether it is the platform's own.
    """

    name: str
    state: str
    managed: bool = False


def rows(registration: Registration) -> list[Row]:
    """The app's namespaces, and the platform's own for it."""
    condition = registration.status.condition(ConditionType.NAMESPACES)
    seen = condition is not None and condition.observed_generation >= registration.generation
    missing = "Failed" if seen and condition is not None and condition.status == "False" else "Pending"
    ready = registration.status.namespaces
    own = [Row(name, "Ready" if name in ready else missing) for name in registration.spec.namespaces]
    home = Row(registration.platform_namespace, "Ready" if condition else "Pending", managed=True)
    return [*own, home]


def bound(registration: Registration) -> list[tuple[Role, list[Access]]]:
    """Which groups have which role in each of the namespaces, the strongest role first."""
    entries = registration.spec.access
    by_role = {
        role: [entry for entry in entries if entry.role == role]
        for role in sorted(Role, key=RANK.__getitem__)
    }
    return [(role, listed) for role, listed in by_role.items() if listed]


@router.get("")
async def show(visit: InApp) -> Response:
    """The list."""
    return visit.page(
        "namespaces/list.html",
        rows=rows(visit.registration),
        bound=bound(visit.registration),
        condition=visit.registration.status.condition(ConditionType.NAMESPACES),
        may_change=await visit.access.allows(registrations("patch", visit.app)),
    )


@router.get("/_live")
async def live(visit: InApp) -> Response:
    """Tells when the registration changes."""
    scope = Scope(REGISTRATIONS, selector=Selector(fields=f"metadata.name={visit.app}"), metadata_only=True)
    return StreamingResponse(visit.site.live.events(scope), media_type="text/event-stream")


@router.get("/_new")
async def new(visit: InApp) -> Response:
    """The form for another one."""
    return _form(visit, await visit.draft())


@router.post("/_new")
async def add(visit: InApp, form: Posted) -> Response:
    """Add one."""
    name = _whole_name(visit.app, form.text("name"))
    fault = namespace_fault(visit.app, name, visit.registration.spec.namespaces)
    if fault:
        return _form(visit, form, fault)
    try:
        await add_namespace(visit.access.kube, visit.app, name)
    except KubeError as error:
        return _form(visit, form, words.sentence(error))
    return visit.go(
        visit.path("namespaces"), f"{name} is being made. Your groups are bound in it in a moment."
    )


@router.get("/{name}/remove")
async def ask(visit: InApp, name: str) -> Response:
    """What removing one does, before it is done."""
    return await _question(visit, name)


@router.post("/{name}/remove")
async def remove(visit: InApp, name: str, _form: Posted) -> Response:
    """Take it off the registration."""
    try:
        await remove_namespace(visit.access.kube, visit.app, name)
    except KubeError as error:
        return await _question(visit, name, words.sentence(error))
    return visit.go(
        visit.path("namespaces"),
        f"{name} is not one of the app's namespaces any more. It still exists, with what runs in it.",
    )


def _whole_name(app: str, entered: str) -> str:
    """The prefix is filled in; who enters it all the same means the whole name."""
    return entered if entered.startswith(f"{app}-") else f"{app}-{entered}"


def _form(visit: AppVisit, form: Form, fault: str = "") -> Response:
    entered = form.text("name").removeprefix(f"{visit.app}-")
    status = HTTPStatus.UNPROCESSABLE_ENTITY if fault else HTTPStatus.OK
    return visit.page(
        "namespaces/new.html", status=status, entered=entered, fault=fault, bound=bound(visit.registration)
    )


async def _question(visit: AppVisit, name: str, fault: str = "") -> Response:
    there = name in visit.registration.spec.namespaces
    own = await visit.access.own_after(intents("list", visit.app))
    aimed = [each.name for each in await intent_store.listed(own, visit.app) if name in each.targets]
    status = HTTPStatus.CONFLICT if fault else HTTPStatus.OK if there else HTTPStatus.NOT_FOUND
    return visit.page(
        "namespaces/remove.html", status=status, name=name, there=there, aimed=aimed, fault=fault
    )
