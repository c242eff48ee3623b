"""Who calls, their apps, and an app's namespaces."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app_platform.dashboard import apps as seats_of
from app_platform.dashboard.api.callers import Caller, Calling, InApp
from app_platform.dashboard.api.models import AppOut, MeOut, NamespaceOut, RegistrationOut, conditions
from app_platform.dashboard.api.problems import FaultError
from app_platform.dashboard.pages.namespaces import rows
from app_platform.dashboard.registering import add_namespace, namespace_fault, remove_namespace

router: Final = APIRouter()


@router.get("/me", tags=["apps"])
async def me(who: Calling) -> MeOut:
    """Who the token's bearer is: groups, apps and roles."""
    person = who.person
    return MeOut(
        name=person.name, kubernetes_name=person.kubernetes_name, groups=person.groups, apps=_apps(who)
    )


@router.get("/apps", tags=["apps"])
async def apps(who: Calling) -> list[AppOut]:
    """The apps in which one of the caller's groups has a role."""
    return _apps(who)


@router.get("/apps/{app}", tags=["apps"])
async def registration(who: InApp) -> RegistrationOut:
    """One app's registration."""
    found = who.registration
    return RegistrationOut(
        name=found.name,
        display_name=found.spec.display_name,
        description=found.spec.description,
        namespaces=list(found.spec.namespaces),
        platform_namespace=found.platform_namespace,
        conditions=conditions(found.status.conditions),
        repository_url=found.status.repository.url,
    )


@router.get("/apps/{app}/namespaces", tags=["namespaces"])
async def namespaces(who: InApp) -> list[NamespaceOut]:
    """The app's namespaces, and the platform's own for it."""
    return [NamespaceOut.model_validate(row) for row in rows(who.registration)]


@router.put("/apps/{app}/namespaces/{name}", status_code=HTTPStatus.ACCEPTED, tags=["namespaces"])
async def add(who: InApp, name: str) -> NamespaceOut:
    """Add a namespace; nothing happens when it is there."""
    there = who.registration.spec.namespaces
    fault = "" if name in there else namespace_fault(who.app, name, there)
    if fault:
        raise FaultError(fault)
    await add_namespace(who.access.kube, who.app, name)
    return NamespaceOut(name=name, state="Pending", managed=False)


@router.delete("/apps/{app}/namespaces/{name}", status_code=HTTPStatus.NO_CONTENT, tags=["namespaces"])
async def remove(who: InApp, name: str) -> Response:
    """Give a namespace up: its bindings go, the namespace and what runs in it stay."""
    await remove_namespace(who.access.kube, who.app, name)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _apps(who: Caller) -> list[AppOut]:
    found = seats_of.seats(who.person, who.site.directory.apps())
    return [
        AppOut(name=each.app.name, display_name=each.app.display_name, role=each.role, ready=each.app.ready)
        for each in found
    ]
