"""Git Repositories of an app: list, one of them, create, edit, delete, and its deploy key."""

import asyncio
from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Final, Literal

from fastapi import APIRouter
from starlette.responses import Response

from app_platform.contracts import git_urls
from app_platform.dashboard import deploy_keys
from app_platform.dashboard.access import git_repositories
from app_platform.dashboard.flux import changing
from app_platform.dashboard.flux.advice import advice
from app_platform.dashboard.flux.changing import ChangedMeanwhileError
from app_platform.dashboard.flux.entries import (
    SourceEntry,
    entry_of,
    host_keys,
    source_entry,
    source_faults,
)
from app_platform.dashboard.flux.happenings import happenings
from app_platform.dashboard.flux.refusals import SOURCE_FIELDS, WHOLE, Faults, at_field
from app_platform.dashboard.flux.sources import Source, source
from app_platform.dashboard.flux.syncs import Sync, sync
from app_platform.dashboard.pages.flux_actions import MEANWHILE, RESERVED, Section, add_actions
from app_platform.dashboard.tables import table
from app_platform.dashboard.web.context import AppVisit, InApp, Posted
from app_platform.kube import GIT_REPOSITORIES, KUSTOMIZATIONS, KubeError, Object

router: Final = APIRouter(prefix="/apps/{app}/git-repositories")
SECTION: Final = Section(GIT_REPOSITORIES, "git-repositories")
add_actions(router, SECTION)


@router.get("")
async def show_all(visit: InApp, q: str = "", page: int = 1) -> Response:
    """The list."""
    home = visit.registration.platform_namespace
    found, may_create = await asyncio.gather(
        visit.access.kube.list(GIT_REPOSITORIES, home),
        visit.access.allows(git_repositories("create", visit.app)),
    )
    sources = sorted((source(each) for each in found), key=lambda each: (not each.managed, each.name))
    return visit.page(
        "git-repositories/list.html", table=table(sources, _words, q, page), may_create=may_create
    )


@router.get("/new")
async def new(visit: InApp, name: str = "", url: str = "") -> Response:
    """The form for another one; the address may fill it in."""
    draft = await visit.draft()
    return _form(visit, source_entry(draft) if draft.texts else SourceEntry(name=name, url=url), {})


@router.post("/new")
async def create(visit: InApp, form: Posted) -> Response:
    """Make one, and its deploy key."""
    entry = source_entry(form)
    faults = _faults(visit, entry)
    if faults:
        return _form(visit, entry, faults)
    try:
        made = await changing.create(
            visit.access.kube, GIT_REPOSITORIES, SECTION.where(visit, entry.name), entry.spec()
        )
    except KubeError as error:
        return _form(visit, entry, at_field(error, SOURCE_FIELDS))
    if not entry.by_ssh:
        return visit.go(SECTION.href(visit, entry.name), f"{entry.name} is made: Flux fetches it now.")
    await _make_key(visit, made, entry, "create")
    return visit.go(
        SECTION.href(visit, entry.name), f"{entry.name} is made. Add its deploy key to the repository."
    )


@router.get("/{name}")
async def show(visit: InApp, name: str) -> Response:
    """One of them."""
    obj = await _get(visit, name)
    shown = source(obj)
    sources, syncs, told, key, may_change, may_delete = await asyncio.gather(
        visit.access.kube.list(GIT_REPOSITORIES, visit.registration.platform_namespace),
        visit.access.kube.list(KUSTOMIZATIONS, visit.registration.platform_namespace),
        happenings(visit.access.kube, obj),
        _public_half(visit, shown),
        visit.access.allows(git_repositories("patch", visit.app, name)),
        visit.access.allows(git_repositories("delete", visit.app, name)),
    )
    return visit.page(
        "git-repositories/show.html",
        source=shown,
        findings=advice(visit.registration, sources, syncs, "GitRepository", name),
        users=_followers(syncs, name),
        events=told,
        key=key,
        may_change=may_change and shown.changeable,
        may_delete=may_delete and shown.changeable,
    )


@router.get("/{name}/edit")
async def ask_edit(visit: InApp, name: str) -> Response:
    """The form, filled in with what is there."""
    draft, there = await visit.draft(), source(await _get(visit, name))
    if not there.changeable:
        return visit.go(SECTION.href(visit, name))
    return _form(visit, source_entry(draft, name) if draft.texts else entry_of(there), {}, there)


@router.post("/{name}/edit")
async def edit(visit: InApp, name: str, form: Posted) -> Response:
    """Change it; a repository elsewhere gets another key."""
    before = await _get(visit, name)
    there, entry = source(before), source_entry(form, name)
    faults = _faults(visit, entry, there)
    if faults:
        return _form(visit, entry, faults, there)
    try:
        await changing.edit(
            visit.access.kube,
            GIT_REPOSITORIES,
            SECTION.where(visit, name),
            entry.spec(),
            entry.generation,
        )
    except ChangedMeanwhileError:
        return _form(visit, entry, {WHOLE: MEANWHILE}, there)
    except KubeError as error:
        return _form(visit, entry, at_field(error, SOURCE_FIELDS), there)
    if _needs_key(entry, there):
        await _make_key(visit, before, entry, "patch")
        return visit.go(
            SECTION.href(visit, name), "Saved. Add the new deploy key to the repository that it names now."
        )
    if there.has_deploy_key and not entry.by_ssh:
        await _remove_key(visit, name, "patch")
    return visit.go(SECTION.href(visit, name), "Saved: Flux fetches it now.")


@router.get("/{name}/key")
async def ask_key(visit: InApp, name: str) -> Response:
    """What another key does, before it is made."""
    there = source(await _get(visit, name))
    if not (there.changeable and there.has_deploy_key):
        return visit.go(SECTION.href(visit, name))
    return _key_form(visit, there, entry_of(there), {})


@router.post("/{name}/key")
async def new_key(visit: InApp, name: str, form: Posted) -> Response:
    """Another key in place of the present one."""
    obj = await _get(visit, name)
    there = source(obj)
    if not (there.changeable and there.has_deploy_key):
        return visit.go(SECTION.href(visit, name))
    entry = SourceEntry(name, there.url, "", there.interval, form.text("known_hosts"))
    faults = source_faults(entry, visit.site.known_hosts, branch_needed=False)
    if faults:
        return _key_form(visit, there, entry, faults)
    await _make_key(visit, obj, entry, "patch")
    return visit.go(
        SECTION.href(visit, name),
        "The new deploy key is made."
        if there.key_was_added
        else "Here is the new deploy key. Add it to the repository, then take the old one off.",
    )


@router.get("/{name}/delete")
async def ask_delete(visit: InApp, name: str) -> Response:
    """What deleting does, before it is done."""
    shown = source(await _get(visit, name))
    if not shown.changeable:
        return visit.go(SECTION.href(visit, name))
    return visit.page("git-repositories/delete.html", source=shown, users=await _users(visit, name))


@router.post("/{name}/delete")
async def delete(visit: InApp, name: str, _form: Posted) -> Response:
    """Delete it and its key."""
    there = source(await _get(visit, name))
    await changing.delete(visit.access.kube, GIT_REPOSITORIES, SECTION.where(visit, name))
    await _remove_key(visit, name, "delete")
    by_hand = there.has_deploy_key and not there.key_was_added
    more = " Take its deploy key off the repository, too." if by_hand else ""
    return visit.go(SECTION.href(visit), f"{name} is deleted.{more}")


def _words(each: Source) -> Collection[str]:
    return each.name, each.url, each.follows, each.state, each.message


def _faults(visit: AppVisit, entry: SourceEntry, there: Source | None = None) -> Faults:
    """What is wrong with a form, new or of something that is there."""
    known = visit.site.known_hosts
    if there is not None:
        key_needed = _needs_key(entry, there)
        return source_faults(entry, known, branch_needed=bool(there.branch), key_needed=key_needed)
    if entry.name in RESERVED:
        return {"name": f"Choose another name than {entry.name}."}
    return source_faults(entry, known)


def _needs_key(entry: SourceEntry, there: Source) -> bool:
    """Whether it is another repository, or one that had no key of ours: a forge takes a deploy key for one repository only."""
    elsewhere = git_urls.identity(entry.url) != git_urls.identity(there.url)
    return entry.by_ssh and (elsewhere or not there.has_deploy_key)


async def _make_key(
    visit: AppVisit, obj: Object, entry: SourceEntry, verb: Literal["create", "patch"]
) -> None:
    """Make the key, for somebody who may make or change the GitRepository itself, and have Flux fetch with it."""
    own = await visit.access.own_after(git_repositories(verb, visit.app, entry.name))
    await deploy_keys.make(own, obj, host_keys(entry, visit.site.known_hosts), visit.person.kubernetes_name)
    await changing.reconcile(visit.access.kube, GIT_REPOSITORIES, SECTION.where(visit, entry.name))


async def _remove_key(visit: AppVisit, name: str, verb: Literal["patch", "delete"]) -> None:
    """Remove the key of one that is gone or needs none any more."""
    own = await visit.access.own_after(git_repositories(verb, visit.app, name))
    await deploy_keys.remove(own, visit.app, name)


async def _public_half(visit: AppVisit, there: Source) -> str:
    if not there.has_deploy_key:
        return ""
    own = await visit.access.own_after(git_repositories("get", visit.app, there.name))
    return await deploy_keys.public_half(own, visit.app, there.name)


async def _get(visit: AppVisit, name: str) -> Object:
    return await visit.access.kube.get(GIT_REPOSITORIES, name, visit.registration.platform_namespace)


async def _users(visit: AppVisit, name: str) -> list[Sync]:
    """The Kustomizations that deploy from one."""
    found = await visit.access.kube.list(KUSTOMIZATIONS, visit.registration.platform_namespace)
    return _followers(found, name)


def _followers(found: Sequence[Object], name: str) -> list[Sync]:
    return sorted((each for each in map(sync, found) if each.source == name), key=lambda each: each.name)


def _form(visit: AppVisit, entry: SourceEntry, faults: Faults, there: Source | None = None) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
    return visit.page(
        "git-repositories/form.html", status=status, entry=entry.shown, faults=faults, there=there
    )


def _key_form(visit: AppVisit, there: Source, entry: SourceEntry, faults: Faults) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
    return visit.page("git-repositories/key.html", status=status, source=there, entry=entry, faults=faults)
