"""What one looks at: Flux objects, timelines, and what Diagnose says. Read-only."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query

from app_platform.dashboard import intents as intent_store
from app_platform.dashboard import oidc_clients as client_store
from app_platform.dashboard.access import intents, oidc_clients
from app_platform.dashboard.api.callers import AppCaller, InApp
from app_platform.dashboard.api.models import FindingOut, LineOut, SourceOut, StoryOut, SyncOut
from app_platform.dashboard.diagnosing import look
from app_platform.dashboard.flux.sources import source
from app_platform.dashboard.flux.syncs import sync
from app_platform.dashboard.timelines import clients, feed, past, secrets
from app_platform.dashboard.timelines.stories import Story
from app_platform.diagnosis import AppTarget, ClientTarget, FluxTarget, SecretTarget, Target
from app_platform.kube import GIT_REPOSITORIES, KUSTOMIZATIONS, NotFound

router: Final = APIRouter(prefix="/apps/{app}")
_MOST: Final = 1_000


@router.get("/git-repositories", tags=["flux"])
async def git_repositories(who: InApp) -> list[SourceOut]:
    """The Flux GitRepositories of the app."""
    found = await who.access.kube.list(GIT_REPOSITORIES, who.registration.platform_namespace)
    return [SourceOut.model_validate(source(each)) for each in found]


@router.get("/kustomizations", tags=["flux"])
async def kustomizations(who: InApp) -> list[SyncOut]:
    """The Flux Kustomizations of the app."""
    found = await who.access.kube.list(KUSTOMIZATIONS, who.registration.platform_namespace)
    return [SyncOut.model_validate(sync(each)) for each in found]


@router.get("/timeline", tags=["timeline"])
async def timeline(who: InApp, limit: Annotated[int, Query(ge=1, le=_MOST)] = 100) -> list[LineOut]:
    """What happened in the app, the latest first."""
    await who.access.own_after(intents("list", who.app))
    await who.access.own_after(oidc_clients("list", who.app))
    lines = feed.lines(await past.told(who.site.past, who.app))
    return [LineOut.model_validate(line) for line in lines[:limit]]


@router.get("/timeline/secrets/{name}", tags=["timeline"])
async def of_secret(who: InApp, name: str) -> list[StoryOut]:
    """The life of a secret, the latest change first."""
    own = await who.access.own_after(intents("get", who.app, name))
    now = await intent_store.find(own, who.app, name)
    return _stories(secrets.stories(who.app, name, await past.told(who.site.past, who.app), now))


@router.get("/timeline/oidc-clients/{name}", tags=["timeline"])
async def of_client(who: InApp, name: str) -> list[StoryOut]:
    """The life of an OIDC client, the latest change first."""
    own = await who.access.own_after(oidc_clients("get", who.app, name))
    obj = await client_store.secrets_of(own, who.app).find(name)
    now = client_store.client(obj) if obj else None
    return _stories(clients.stories(name, await past.told(who.site.past, who.app), now))


@router.get("/diagnose", tags=["diagnose"])
async def of_app(who: InApp) -> list[FindingOut]:
    """What is wrong with the app, and what to do; the gravest first."""
    return await _look(who, AppTarget(who.app))


@router.get("/diagnose/secrets/{name}", tags=["diagnose"])
async def diagnose_secret(who: InApp, name: str) -> list[FindingOut]:
    """Why a secret is not committed, or not live."""
    return await _look(who, SecretTarget(who.app, name))


@router.get("/diagnose/oidc-clients/{name}", tags=["diagnose"])
async def diagnose_client(who: InApp, name: str) -> list[FindingOut]:
    """Why an OIDC client is not registered."""
    return await _look(who, ClientTarget(who.app, name))


@router.get("/diagnose/git-repositories/{name}", tags=["diagnose"])
async def diagnose_source(who: InApp, name: str) -> list[FindingOut]:
    """Why a push is not fetched."""
    return await _look(who, FluxTarget(who.app, "GitRepository", name))


@router.get("/diagnose/kustomizations/{name}", tags=["diagnose"])
async def diagnose_sync(who: InApp, name: str) -> list[FindingOut]:
    """Why a push is not applied."""
    return await _look(who, FluxTarget(who.app, "Kustomization", name))


async def _look(who: AppCaller, target: Target) -> list[FindingOut]:
    found = await look(who.access, who.site.bus, who.app, target)
    return [FindingOut.model_validate(each) for each in found]


def _stories(found: list[Story]) -> list[StoryOut]:
    if not found:
        raise NotFound("nothing is known of it", status=HTTPStatus.NOT_FOUND)
    return [StoryOut.model_validate(each) for each in found]
