"""Timelines, live: of a secret and an OIDC client as stories with stages, of an app and its namespaces as one line per event."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from app_platform.contracts import names
from app_platform.dashboard import intents as intent_store
from app_platform.dashboard import oidc_clients as client_store
from app_platform.dashboard.access import intents, oidc_clients
from app_platform.dashboard.tables import table
from app_platform.dashboard.timelines import clients, feed, past, secrets
from app_platform.dashboard.timelines.feed import Line
from app_platform.dashboard.timelines.stories import Story
from app_platform.dashboard.web.context import AppVisit, InApp
from app_platform.kube import NotFound

PATH: Final = "timeline"
router: Final = APIRouter(prefix=f"/apps/{{app}}/{PATH}")
_NONE: Final = "nothing is known of it"


@router.get("")
async def of_app(visit: InApp, q: str = "", page: int = 1) -> Response:
    """Everything that happened in the app."""
    await _may_look(visit)
    return _feed(visit, feed.lines(await past.told(visit.site.past, visit.app)), q, page)


@router.get("/live")
async def live(visit: InApp) -> Response:
    """Tells when something happens in the app."""
    await _may_look(visit)
    return StreamingResponse(past.changes(visit.site.past, visit.app), media_type="text/event-stream")


@router.get("/namespaces/{name}")
async def of_namespace(visit: InApp, name: str, q: str = "", page: int = 1) -> Response:
    """What happened in one namespace."""
    await _may_look(visit)
    lines = feed.in_namespace(feed.lines(await past.told(visit.site.past, visit.app)), name)
    if not lines and name not in (*visit.registration.spec.namespaces, visit.registration.platform_namespace):
        raise NotFound(_NONE, status=404)
    return _feed(visit, lines, q, page, namespace=name)


@router.get("/secrets/{name}")
async def of_secret(visit: InApp, name: str) -> Response:
    """The life of a secret; also of one that is gone, as long as the history knows it."""
    own = await visit.access.own_after(intents("get", visit.app, name))
    now = await intent_store.find(own, visit.app, name)
    found = secrets.stories(visit.app, name, await past.told(visit.site.past, visit.app), now)
    return _life(visit, found, kind="secrets", label="Secrets", name=name, is_there=now is not None)


@router.get("/oidc-clients/{name}")
async def of_client(visit: InApp, name: str) -> Response:
    """The life of an OIDC client."""
    own = await visit.access.own_after(oidc_clients("get", visit.app, name))
    obj = await client_store.secrets_of(own, visit.app).find(name)
    now = client_store.client(obj) if obj else None
    found = clients.stories(name, await past.told(visit.site.past, visit.app), now)
    return _life(visit, found, kind="oidc-clients", label="OIDC clients", name=name, is_there=now is not None)


def _life(
    visit: AppVisit, found: Sequence[Story], *, kind: str, label: str, name: str, is_there: bool
) -> Response:
    """The page of one object's stories, if there are any."""
    if not found:
        raise NotFound(_NONE, status=404)
    return visit.page(
        "timeline/stories.html",
        name=name,
        kind=kind,
        label=label,
        is_there=is_there,
        stories=found,
    )


async def _may_look(visit: AppVisit) -> None:
    """Refuse who has no role in the app, such as a platform admin who is in none of its groups.

    Raises:
        RefusedError: They have none.
    """
    await visit.access.own_after(intents("list", visit.app))
    await visit.access.own_after(oidc_clients("list", visit.app))


def _feed(visit: AppVisit, lines: Sequence[Line], q: str, page: int, namespace: str = "") -> Response:
    return visit.page(
        "timeline/feed.html",
        table=table(lines, _searched, q, page),
        namespace=namespace,
        home=names.platform_namespace(visit.app),
    )


def _searched(line: Line) -> Sequence[str]:
    return (line.title, line.text, line.by, str(line.state), line.commit)
