"""Kustomizations of an app: list and dependency graph, one of them with what it has applied, create, edit, delete."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app_platform.dashboard.access import kustomizations
from app_platform.dashboard.flux import changing
from app_platform.dashboard.flux.advice import advice
from app_platform.dashboard.flux.changing import ChangedMeanwhileError
from app_platform.dashboard.flux.graph import graph
from app_platform.dashboard.flux.happenings import happenings
from app_platform.dashboard.flux.refusals import SYNC_FIELDS, WHOLE, Faults, at_field
from app_platform.dashboard.flux.sources import source
from app_platform.dashboard.flux.sync_entries import Choices, SyncEntry, entry_of, sync_entry, sync_faults
from app_platform.dashboard.flux.syncs import Applied, Sync, sync
from app_platform.dashboard.pages.flux_actions import MEANWHILE, RESERVED, Section, add_actions
from app_platform.dashboard.tables import table
from app_platform.dashboard.web.context import AppVisit, InApp, Posted
from app_platform.kube import GIT_REPOSITORIES, KUSTOMIZATIONS, KubeError, Object

router: Final = APIRouter(prefix="/apps/{app}/kustomizations")
SECTION: Final = Section(KUSTOMIZATIONS, "kustomizations")


async def _fetch_first(visit: AppVisit, name: str) -> None:
    """Have the source fetched, too: who presses the button has mostly just pushed (``flux reconcile --with-source``)."""
    followed = sync(await _get(visit, name)).source
    home = visit.registration.platform_namespace
    found = await visit.access.kube.find(GIT_REPOSITORIES, followed, home) if followed else None
    if found and source(found).changeable and not source(found).suspended:
        await changing.reconcile(visit.access.kube, GIT_REPOSITORIES, (home, followed))


add_actions(router, SECTION, _fetch_first)


@router.get("")
async def show_all(visit: InApp, q: str = "", page: int = 1) -> Response:
    """The list, and what waits for what."""
    found, may_create = await asyncio.gather(
        _all(visit), visit.access.allows(kustomizations("create", visit.app))
    )
    syncs = sorted(map(sync, found), key=lambda each: (not each.managed, each.name))
    return visit.page(
        "kustomizations/list.html",
        table=table(syncs, _words, q, page),
        graph=graph(syncs),
        waits=[each for each in syncs if each.depends_on],
        by_name={each.name: each for each in syncs},
        may_create=may_create,
    )


@router.get("/new")
async def new(visit: InApp, name: str = "", source: str = "", path: str = "", target: str = "") -> Response:
    """The form for another one; the address may fill it in."""
    draft, choices = await visit.draft(), await _choices(visit)
    given = SyncEntry(name, source or next(iter(choices.sources), ""), path, target=target)
    return _form(visit, choices, sync_entry(draft) if draft.texts else given, {})


@router.post("/new")
async def create(visit: InApp, form: Posted) -> Response:
    """Make one."""
    entry, choices = sync_entry(form), await _choices(visit)
    faults = sync_faults(entry, choices)
    if entry.name in RESERVED:
        faults["name"] = f"Choose another name than {entry.name}."
    if faults:
        return _form(visit, choices, entry, faults)
    try:
        await changing.create(
            visit.access.kube, KUSTOMIZATIONS, SECTION.where(visit, entry.name), entry.spec()
        )
    except KubeError as error:
        return _form(visit, choices, entry, at_field(error, SYNC_FIELDS))
    return visit.go(SECTION.href(visit, entry.name), f"{entry.name} is made: Flux applies it now.")


@router.get("/{name}")
async def show(visit: InApp, name: str, q: str = "", page: int = 1) -> Response:
    """One of them."""
    obj, syncs, sources, may_change, may_delete = await asyncio.gather(
        _get(visit, name),
        _all(visit),
        visit.access.kube.list(GIT_REPOSITORIES, visit.registration.platform_namespace),
        visit.access.allows(kustomizations("patch", visit.app, name)),
        visit.access.allows(kustomizations("delete", visit.app, name)),
    )
    shown = sync(obj)
    others = {each.name: each for each in map(sync, syncs)}
    followed = {each.name: each for each in map(source, sources)}.get(shown.source)
    return visit.page(
        "kustomizations/show.html",
        sync=shown,
        source=followed,
        findings=advice(visit.registration, sources, syncs, "Kustomization", name),
        waits_for=[(other, others.get(other)) for other in shown.depends_on],
        waited_by=_waiting(others.values(), name),
        table=table(shown.inventory, _inventory_words, q, page),
        events=await happenings(visit.access.kube, obj),
        may_change=may_change and shown.changeable,
        may_delete=may_delete and shown.changeable,
    )


@router.get("/{name}/edit")
async def ask_edit(visit: InApp, name: str) -> Response:
    """The form, filled in with what is there."""
    draft, choices, there = await visit.draft(), await _choices(visit), sync(await _get(visit, name))
    if not there.changeable:
        return visit.go(SECTION.href(visit, name))
    return _form(visit, choices, sync_entry(draft, name) if draft.texts else entry_of(there), {}, there)


@router.post("/{name}/edit")
async def edit(visit: InApp, name: str, form: Posted) -> Response:
    """Change it."""
    entry, choices, before = sync_entry(form, name), await _choices(visit), await _get(visit, name)
    there = sync(before)
    if faults := sync_faults(entry, choices):
        return _form(visit, choices, entry, faults, there)
    spec = entry.spec(before["spec"])
    try:
        await changing.edit(
            visit.access.kube, KUSTOMIZATIONS, SECTION.where(visit, name), spec, entry.generation
        )
    except ChangedMeanwhileError:
        return _form(visit, choices, entry, {WHOLE: MEANWHILE}, there)
    except KubeError as error:
        return _form(visit, choices, entry, at_field(error, SYNC_FIELDS), there)
    return visit.go(SECTION.href(visit, name), "Saved: Flux applies it now.")


@router.get("/{name}/delete")
async def ask_delete(visit: InApp, name: str) -> Response:
    """What deleting does, before it is done."""
    shown, others = sync(await _get(visit, name)), await _all(visit)
    if not shown.changeable:
        return visit.go(SECTION.href(visit, name))
    return visit.page("kustomizations/delete.html", sync=shown, waited_by=_waiting(map(sync, others), name))


@router.post("/{name}/delete")
async def delete(visit: InApp, name: str, form: Posted) -> Response:
    """Delete it, with what it has deployed or without."""
    where = SECTION.where(visit, name)
    keeps = form.text("deployed") == "keep"
    await changing.delete(visit.access.kube, KUSTOMIZATIONS, where, orphan=keeps)
    text = "What it had deployed keeps running." if keeps else "Flux takes away what it had deployed."
    return visit.go(SECTION.href(visit), f"{name} is deleted. {text}")


def _words(each: Sync) -> Collection[str]:
    return each.name, each.source, each.path, each.target, each.state, each.message


def _inventory_words(each: Applied) -> Collection[str]:
    return each.kind, each.name, each.namespace, each.group


def _waiting(syncs: Iterable[Sync], name: str) -> list[Sync]:
    return sorted((each for each in syncs if name in each.depends_on), key=lambda each: each.name)


async def _all(visit: AppVisit) -> Sequence[Object]:
    return await visit.access.kube.list(KUSTOMIZATIONS, visit.registration.platform_namespace)


async def _get(visit: AppVisit, name: str) -> Object:
    return await visit.access.kube.get(KUSTOMIZATIONS, name, visit.registration.platform_namespace)


async def _choices(visit: AppVisit) -> Choices:
    sources, others = await asyncio.gather(
        visit.access.kube.list(GIT_REPOSITORIES, visit.registration.platform_namespace), _all(visit)
    )
    own = sorted(each.name for each in map(source, sources) if not each.managed)
    return Choices(
        own, visit.registration.spec.namespaces, {each["metadata"]["name"]: each for each in others}
    )


def _form(
    visit: AppVisit, choices: Choices, entry: SyncEntry, faults: Faults, there: Sync | None = None
) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
    return visit.page(
        "kustomizations/form.html", status=status, choices=choices, entry=entry, faults=faults, there=there
    )
