"""App registrations: list, create, edit and delete, for platform admins; one of them with its conditions, for everybody in its app."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from app_platform.contracts import Condition, ConditionType, Registration, Role
from app_platform.dashboard import words
from app_platform.dashboard.access import RefusedError, registrations
from app_platform.dashboard.registering import change_registration, register, unregister
from app_platform.dashboard.registration_forms import Entered, faults
from app_platform.dashboard.tables import table
from app_platform.dashboard.web.context import AppVisit, InApp, Posted, Visit, Visitor
from app_platform.dashboard.web.forms import Form
from app_platform.kube import Conflict, KubeError, Scope, Selector
from app_platform.kube.registrations import REGISTRATIONS

router: Final = APIRouter(prefix="/registrations")
_EMPTY_ROWS: Final = 3


@router.get("")
async def show(visit: Visitor, q: str = "", page: int = 1) -> Response:
    """All of them."""
    listed = sorted(
        await visit.access.kube.list(REGISTRATIONS), key=lambda each: str(each["metadata"]["name"])
    )
    rows = table(listed, _searched, q, page)
    return visit.page(
        "registrations/list.html",
        table=rows.mapped(Registration.from_object),
        created={
            each["metadata"]["name"]: each["metadata"].get("creationTimestamp", "") for each in rows.rows
        },
        may_create=await visit.access.allows(registrations("create")),
    )


@router.get("/_live")
async def live(visit: Visitor) -> Response:
    """Tells when any of them changes."""
    if not await visit.access.allows(registrations("list")):
        raise RefusedError(registrations("list"))
    return StreamingResponse(
        visit.site.live.events(Scope(REGISTRATIONS, metadata_only=True)), media_type="text/event-stream"
    )


@router.get("/_new")
async def new(visit: Visitor) -> Response:
    """The form for another one."""
    return _new_form(visit, Entered.of_form(await visit.draft()))


@router.post("/_new")
async def create(visit: Visitor, form: Posted) -> Response:
    """Register an app."""
    entered = Entered.of_form(form)
    if found := faults(entered):
        return _new_form(visit, entered, found)
    try:
        await register(visit.access.kube, entered.name, entered.spec())
    except KubeError as error:
        return _new_form(visit, entered, [words.sentence(error)])
    return visit.go(
        f"/registrations/{entered.name}", f"{entered.name} is registered; the platform is setting it up."
    )


@router.get("/{app}")
async def detail(visit: InApp) -> Response:
    """One of them, with its conditions."""
    return visit.page(
        "registrations/detail.html",
        registration=visit.registration,
        conditions_of_it=in_order(visit.registration),
        may_change=await visit.access.allows(registrations("update")),
        may_delete=await visit.access.allows(registrations("delete", visit.app)),
    )


@router.get("/{app}/_live")
async def live_one(visit: InApp) -> Response:
    """Tells when this one changes."""
    scope = Scope(REGISTRATIONS, selector=Selector(fields=f"metadata.name={visit.app}"), metadata_only=True)
    return StreamingResponse(visit.site.live.events(scope), media_type="text/event-stream")


@router.get("/{app}/edit")
async def edit(visit: InApp) -> Response:
    """The form to change it."""
    kept = await visit.draft()
    entered = (
        Entered.of_form(kept, visit.app)
        if kept.texts
        else Entered.of_spec(visit.app, visit.registration.spec)
    )
    return _edit_form(visit, entered)


@router.post("/{app}/edit")
async def change(visit: InApp, form: Posted) -> Response:
    """Change it."""
    entered = Entered.of_form(form, visit.app)
    if found := faults(entered):
        return _edit_form(visit, entered, found)
    try:
        await change_registration(visit.access.kube, visit.app, entered.spec(), _generation(form))
    except Conflict:
        return _edit_form(
            visit,
            entered,
            ["Somebody else has changed it meanwhile. Open the page again to see how it is now."],
        )
    except KubeError as error:
        return _edit_form(visit, entered, [words.sentence(error)])
    return visit.go(f"/registrations/{visit.app}", "Saved; the platform is making it so.")


@router.get("/{app}/delete")
async def ask(visit: InApp) -> Response:
    """What deleting it does, before it is done."""
    return visit.page("registrations/delete.html", registration=visit.registration, fault="")


@router.post("/{app}/delete")
async def delete(visit: InApp, form: Posted) -> Response:
    """Delete it, if its name was entered."""
    fault = (
        ""
        if form.text("confirm") == visit.app
        else f"Enter the name of the app, {visit.app}, to delete its registration."
    )
    if not fault:
        try:
            await unregister(visit.access.kube, visit.app, form.text("uid"))
        except KubeError as error:
            fault = words.sentence(error)
    if fault:
        return visit.page(
            "registrations/delete.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            registration=visit.registration,
            fault=fault,
        )
    return visit.go(
        "/registrations", f"{visit.app} is being unregistered. Its namespaces and what runs in them stay."
    )


def in_order(registration: Registration) -> list[Condition]:
    """Its conditions as its life goes, the sum of all first."""
    order = list(ConditionType)
    known = {each.type: each for each in registration.status.conditions}
    return [known[kind] for kind in order if kind in known] + [
        each for each in registration.status.conditions if each.type not in set(order)
    ]


def _generation(form: Form) -> int:
    text = form.text("generation")
    return int(text) if text.isascii() and text.isdigit() else -1


def _searched(obj: Mapping[str, Any]) -> Iterator[str]:
    """The words of a registration as the API server sends it."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    yield from (obj["metadata"]["name"], spec.get("displayName") or "", *(spec.get("namespaces") or ()))
    yield from (str(entry.get("group", "")) for entry in spec.get("access") or ())
    for condition in status.get("conditions") or ():
        if condition.get("type") == ConditionType.READY:
            yield from (condition.get("reason", ""), condition.get("message", ""))


def _new_form(visit: Visit, entered: Entered, found: Sequence[str] = ()) -> Response:
    return _form(visit, entered, found, None)


def _edit_form(visit: AppVisit, entered: Entered, found: Sequence[str] = ()) -> Response:
    return _form(visit, entered, found, visit.registration)


def _form(visit: Visit, entered: Entered, found: Sequence[str], there: Registration | None) -> Response:
    return visit.page(
        "registrations/form.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if found else HTTPStatus.OK,
        entered=entered,
        faults=found,
        rows=_rows(entered),
        roles=list(Role),
        registration=there,
    )


def _rows(entered: Entered) -> list[tuple[str, str]]:
    """The access entries, and empty ones to fill in."""
    return [*entered.access, *[("", "developer")] * max(1, _EMPTY_ROWS - len(entered.access))]
