"""Secrets of an app: key names, targets and how far each is; create, change, delete. A value is taken in and never given out."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from app_platform.contracts import ConditionType
from app_platform.dashboard import intents as store
from app_platform.dashboard import words
from app_platform.dashboard.access import intents
from app_platform.dashboard.intents import Intent
from app_platform.dashboard.secret_forms import TYPES, FormFaultError, changed_secret, new_secret
from app_platform.dashboard.tables import table
from app_platform.dashboard.web.context import AppVisit, InApp, Posted
from app_platform.dashboard.web.forms import Form
from app_platform.kube import SECRETS, KubeError, NotFound, Scope

router: Final = APIRouter(prefix="/apps/{app}/secrets")
_EMPTY_ROWS: Final = 3


@router.get("")
async def show(visit: InApp, q: str = "", page: int = 1) -> Response:
    """The list."""
    own = await visit.access.own_after(intents("list", visit.app))
    rows = table(await store.objects(own, visit.app), store.words, q, page)
    ready = visit.registration.status.condition(ConditionType.READY)
    return visit.page(
        "secrets/list.html",
        table=rows.mapped(store.intent),
        ready=ready if ready is None or ready.status != "True" else None,
        may_create=await visit.access.allows(intents("create", visit.app)),
        may_change=await visit.access.allows(intents("update", visit.app)),
    )


@router.get("/_live")
async def live(visit: InApp) -> Response:
    """Tells when a secret of the app changes."""
    await visit.access.own_after(intents("list", visit.app))
    scope = Scope(SECRETS, visit.registration.platform_namespace, store.SELECTOR, metadata_only=True)
    return StreamingResponse(visit.site.live.events(scope), media_type="text/event-stream")


@router.get("/_new")
async def new(visit: InApp) -> Response:
    """The form for another one."""
    return _new_form(visit, await visit.draft())


@router.post("/_new")
async def create(visit: InApp, form: Posted) -> Response:
    """Make it, in the person's name."""
    try:
        wanted = new_secret(form, visit.registration.spec.namespaces)
        await store.create(visit.access.kube, visit.app, wanted, visit.person.name)
    except FormFaultError as error:
        return _new_form(visit, form, error.faults)
    except KubeError as error:
        return _new_form(visit, form, [words.sentence(error)])
    return visit.go(visit.path(f"secrets/{wanted.name}"), f"{wanted.name} is being encrypted and committed.")


@router.get("/{name}")
async def detail(visit: InApp, name: str) -> Response:
    """One secret: where each of its targets stands."""
    there = await _found(visit, name)
    return visit.page(
        "secrets/detail.html",
        intent=there,
        may_change=await visit.access.allows(intents("update", visit.app, name)),
        may_delete=await visit.access.allows(intents("delete", visit.app, name)),
    )


@router.get("/{name}/edit")
async def edit(visit: InApp, name: str) -> Response:
    """The form to change it; values are not shown, as nobody here knows them."""
    return _edit_form(visit, await _found(visit, name), await visit.draft())


@router.post("/{name}/edit")
async def change(visit: InApp, name: str, form: Posted) -> Response:
    """Change it, for a person who may."""
    own = await visit.access.own_after(intents("update", visit.app, name))
    there = await _found(visit, name)
    try:
        _check_same(form, there)
        wanted = changed_secret(form, name, there.keys, visit.registration.spec.namespaces)
        await store.change(own, visit.app, there, wanted, visit.person.name)
    except FormFaultError as error:
        return _edit_form(visit, there, form, error.faults)
    except KubeError as error:
        return _edit_form(visit, there, form, [words.sentence(error)])
    return visit.go(visit.path(f"secrets/{name}"), f"{name} is being encrypted and committed.")


@router.get("/{name}/delete")
async def ask(visit: InApp, name: str) -> Response:
    """What deleting it does, before it is done."""
    return visit.page("secrets/delete.html", intent=await _found(visit, name), faults=())


@router.post("/{name}/delete")
async def delete(visit: InApp, name: str, form: Posted) -> Response:
    """Delete it, for a person who may."""
    own = await visit.access.own_after(intents("delete", visit.app, name))
    there = await _found(visit, name)
    try:
        _check_same(form, there)
        await store.delete(own, visit.app, there, visit.person.name)
    except FormFaultError as error:
        return visit.page(
            "secrets/delete.html", status=HTTPStatus.CONFLICT, intent=there, faults=error.faults
        )
    return visit.go(
        visit.path("secrets"), f"{name} is being deleted: first from Git, then from its namespaces."
    )


def _check_same(form: Form, there: Intent) -> None:
    """Refuse to touch another secret than the one that the form was about."""
    if form.text("uid") != there.uid:
        raise FormFaultError(["It was deleted and made anew meanwhile. Look at it again."])


async def _found(visit: AppVisit, name: str) -> Intent:
    """The secret of that name.

    Raises:
        RefusedError: The person may not know of the app's secrets.
        NotFound: There is none.
    """
    own = await visit.access.own_after(intents("get", visit.app, name))
    there = await store.find(own, visit.app, name)
    if there is None:
        raise NotFound("no such secret", status=HTTPStatus.NOT_FOUND)
    return there


def _new_form(visit: AppVisit, form: Form, faults: Sequence[str] = ()) -> Response:
    """The form, filled in again but for the values."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
    entered = [key for key in form.all("key") if key.strip()]
    return visit.page(
        "secrets/new.html",
        status=status,
        faults=faults,
        name=form.text("name"),
        targets=form.all("target"),
        keys=entered + [""] * max(1, _EMPTY_ROWS - len(entered)),
        kind=form.text("type") or "Opaque",
        types=TYPES,
        kept=bool(form.texts) and not faults,
    )


def _edit_form(visit: AppVisit, there: Intent, form: Form, faults: Sequence[str] = ()) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
    entered = [key for key in form.all("key") if key.strip() and key not in there.keys]
    return visit.page(
        "secrets/edit.html",
        status=status,
        faults=faults,
        intent=there,
        targets=form.all("target") if form.texts else list(there.targets),
        removed=form.all("remove"),
        keys=[*entered, ""],
        kept=bool(form.texts) and not faults,
    )
