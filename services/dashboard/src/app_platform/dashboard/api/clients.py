"""OIDC clients of an app: how each stands; create, change, rotate, delete. A client secret never comes out."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app_platform.contracts import oidc
from app_platform.dashboard import oidc_clients as store
from app_platform.dashboard.access import Verb, oidc_clients
from app_platform.dashboard.api.callers import AppCaller, InApp
from app_platform.dashboard.api.models import ClientChange, ClientIn, ClientOut
from app_platform.dashboard.labelled_secrets import Labelled
from app_platform.dashboard.oidc_clients import OidcClient
from app_platform.dashboard.oidc_forms import changed_client, new_client
from app_platform.dashboard.web.forms import Form
from app_platform.kube import NotFound

router: Final = APIRouter(prefix="/apps/{app}/oidc-clients", tags=["oidc-clients"])
_TEXTS: Final = {
    "hostname": oidc.HOSTNAME,
    "callback_path": oidc.CALLBACK_PATH,
    "scopes": oidc.SCOPES,
    "public": oidc.PUBLIC,
    "consent": oidc.CONSENT,
    "require_pkce": oidc.REQUIRE_PKCE,
    "token_endpoint_auth_method": oidc.AUTH_METHOD,
}
"""Field of the API to key of the Secret."""


@router.get("")
async def listed(who: InApp) -> list[ClientOut]:
    """All OIDC clients of the app."""
    secrets = await _secrets(who, "list")
    return [_out(store.client(each)) for each in await secrets.all()]


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def create(who: InApp, body: ClientIn) -> ClientOut:
    """Ask for a client in the caller's name; its client secret is made by the platform and stays in its Secret."""
    form = _form(body, name=body.name, clientId=body.client_id)
    await store.create(who.access.kube, who.app, new_client(form), who.person.name)
    return _out(await _found(await _secrets(who, "get", body.name), body.name))


@router.get("/{name}")
async def one(who: InApp, name: str) -> ClientOut:
    """One client, by the name of its Secret."""
    return _out(await _found(await _secrets(who, "get", name), name))


@router.patch("/{name}", status_code=HTTPStatus.ACCEPTED)
async def change(who: InApp, name: str, body: ClientChange) -> ClientOut:
    """Change what it asks for; it is registered anew and keeps its client secret."""
    secrets = await _secrets(who, "update", name)
    there = await _found(secrets, name)
    await store.change(secrets, there, changed_client(_form(body), name, there.client_id), who.person.name)
    return _out(await _found(secrets, name))


@router.post("/{name}/rotate", status_code=HTTPStatus.ACCEPTED)
async def rotate(who: InApp, name: str) -> ClientOut:
    """Ask for another client secret; the old one ends when the new one is registered."""
    secrets = await _secrets(who, "update", name)
    await store.rotate(secrets, await _found(secrets, name), who.person.name)
    return _out(await _found(secrets, name))


@router.delete("/{name}", status_code=HTTPStatus.ACCEPTED)
async def delete(who: InApp, name: str) -> Response:
    """Remove a client from the identity provider, then its Secret."""
    secrets = await _secrets(who, "delete", name)
    there = await _found(secrets, name)
    await secrets.delete(name, there.uid, who.person.name)
    return Response(status_code=HTTPStatus.ACCEPTED)


async def _secrets(who: AppCaller, verb: Verb, name: str = "") -> Labelled:
    return store.secrets_of(await who.access.own_after(oidc_clients(verb, who.app, name)), who.app)


async def _found(secrets: Labelled, name: str) -> OidcClient:
    there = await secrets.find(name)
    if there is None:
        raise NotFound("no such client", status=HTTPStatus.NOT_FOUND)
    return store.client(there)


def _form(body: ClientChange, **more: str) -> Form:
    """As the pages' forms: what is given, and nothing of what is left out."""
    given = {key: getattr(body, name) for name, key in _TEXTS.items()}
    texts = {key: [text] for key, text in (given | more).items() if text is not None}
    if body.extra_callback_paths is not None:
        texts[oidc.EXTRA_CALLBACK_PATHS] = ["\n".join(body.extra_callback_paths)]
    return Form(texts)


def _out(client: OidcClient) -> ClientOut:
    return ClientOut.model_validate(client)
