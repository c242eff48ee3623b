"""OIDC clients of an app: how each stands, what one gets, the manifests to use it; create, change, rotate, delete.

The client secret is never here: nobody but oidc-registrar and the app reads it.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from app_platform.contracts import names
from app_platform.contracts import oidc as keys
from app_platform.dashboard import oidc_clients as store
from app_platform.dashboard import words
from app_platform.dashboard.access import Verb, oidc_clients
from app_platform.dashboard.labelled_secrets import Labelled
from app_platform.dashboard.oidc_clients import OidcClient
from app_platform.dashboard.oidc_forms import (
    CHOICES,
    KEEP,
    FormFaultError,
    changed_client,
    new_client,
)
from app_platform.dashboard.tables import table
from app_platform.dashboard.web.context import AppVisit, InApp, Posted
from app_platform.dashboard.web.forms import Form
from app_platform.kube import SECRETS, KubeError, NotFound, Scope, Selector
from app_platform.scaffold import clients, yaml_text

PATH: Final = "oidc-clients"
router: Final = APIRouter(prefix=f"/apps/{{app}}/{PATH}")
Faults = Mapping[str, str]
"""Field to what to change there; under the empty name what is about the form as a whole."""
NO_FAULTS: Final[Faults] = {}
_ANEW: Final = "It was deleted and made anew meanwhile. Look at it again."


@router.get("")
async def show(visit: InApp, q: str = "", page: int = 1) -> Response:
    """The list."""
    secrets = await _secrets(visit, "list")
    found = [store.client(each) for each in await secrets.all()]
    return visit.page(
        "oidc/list.html",
        table=table(found, _searched, q, page),
        may_create=await visit.access.allows(oidc_clients("create", visit.app)),
    )


@router.get("/_live")
async def live(visit: InApp) -> Response:
    """Tells when a client of the app changes."""
    await _secrets(visit, "list")
    scope = Scope(
        SECRETS, visit.registration.platform_namespace, Selector(labels=store.LABEL), metadata_only=True
    )
    return StreamingResponse(visit.site.live.events(scope), media_type="text/event-stream")


@router.get("/_new")
async def new(visit: InApp) -> Response:
    """The form for another one."""
    draft = await visit.draft()
    return _new_form(visit, draft if draft.texts else _suggested(visit.app))


@router.post("/_new")
async def create(visit: InApp, form: Posted) -> Response:
    """Ask for it, in the person's name."""
    try:
        wanted = new_client(form)
        await store.create(visit.access.kube, visit.app, wanted, visit.person.name)
    except FormFaultError as error:
        return _new_form(visit, form, error.faults)
    except KubeError as error:
        return _new_form(visit, form, {"": words.sentence(error)})
    return visit.go(
        visit.path(f"{PATH}/{wanted.name}"),
        f"{wanted.client_id} is asked for. It is registered within a minute or so; its client secret is made by itself.",
    )


@router.get("/{name}")
async def detail(visit: InApp, name: str, namespace: str = "") -> Response:
    """One client: what one gets, and how an app uses it."""
    there = await _found(visit, name)
    spaces = visit.registration.spec.namespaces
    chosen = namespace if namespace in spaces else next(iter(spaces), "")
    use = clients.Client(
        visit.app,
        name,
        there.client_id,
        visit.site.settings.oidc_issuer_url,
        next(iter(there.redirect_uris), ""),
    )
    return visit.page(
        "oidc/detail.html",
        client=there,
        issuer=visit.site.settings.oidc_issuer_url,
        namespace=chosen,
        access=yaml_text(*clients.secret_access(use, chosen)) if chosen else "",
        env=yaml_text({"env": clients.container_env(use, public=there.is_public)}),
        may_change=await visit.access.allows(oidc_clients("update", visit.app, name)),
        may_delete=await visit.access.allows(oidc_clients("delete", visit.app, name)),
    )


@router.get("/{name}/edit")
async def edit(visit: InApp, name: str) -> Response:
    """The form to change it."""
    there = await _found(visit, name)
    draft = await visit.draft()
    return _edit_form(visit, there, draft if draft.texts else _as_known(there))


@router.post("/{name}/edit")
async def change(visit: InApp, name: str, form: Posted) -> Response:
    """Change it, for a person who may."""
    secrets = await _secrets(visit, "update", name)
    there = await _found(visit, name)
    if form.text("uid") != there.uid:
        return _edit_form(visit, there, form, {"": _ANEW})
    try:
        wanted = changed_client(form, name, there.client_id)
        await store.change(secrets, there, wanted, visit.person.name)
    except FormFaultError as error:
        return _edit_form(visit, there, form, error.faults)
    except KubeError as error:
        return _edit_form(visit, there, form, {"": words.sentence(error)})
    return visit.go(visit.path(f"{PATH}/{name}"), f"{there.client_id} is being registered anew.")


@router.get("/{name}/rotate")
async def ask_to_rotate(visit: InApp, name: str) -> Response:
    """What another client secret means, before it is made."""
    return visit.page("oidc/rotate.html", client=await _found(visit, name), fault="")


@router.post("/{name}/rotate")
async def rotate(visit: InApp, name: str, form: Posted) -> Response:
    """Ask for another client secret, for a person who may."""
    secrets = await _secrets(visit, "update", name)
    there = await _found(visit, name)
    if form.text("uid") != there.uid:
        return visit.page("oidc/rotate.html", status=HTTPStatus.CONFLICT, client=there, fault=_ANEW)
    await store.rotate(secrets, there, visit.person.name)
    return visit.go(
        visit.path(f"{PATH}/{name}"),
        "A new client secret is being made. The old one ends when the new one is registered.",
    )


@router.get("/{name}/delete")
async def ask_to_delete(visit: InApp, name: str) -> Response:
    """What deleting it does, before it is done."""
    return visit.page("oidc/delete.html", client=await _found(visit, name), fault="")


@router.post("/{name}/delete")
async def delete(visit: InApp, name: str, form: Posted) -> Response:
    """Delete it, for a person who may."""
    secrets = await _secrets(visit, "delete", name)
    there = await _found(visit, name)
    if form.text("uid") != there.uid:
        return visit.page("oidc/delete.html", status=HTTPStatus.CONFLICT, client=there, fault=_ANEW)
    await secrets.delete(name, there.uid, visit.person.name)
    return visit.go(visit.path(PATH), f"{there.client_id} is being removed from the identity provider.")


async def _secrets(visit: AppVisit, verb: Verb, name: str = "") -> Labelled:
    """The Secrets of the app's clients, for a person who may.

    Raises:
        RefusedError: They may not.
    """
    return store.secrets_of(await visit.access.own_after(oidc_clients(verb, visit.app, name)), visit.app)


async def _found(visit: AppVisit, name: str) -> OidcClient:
    """The client of that name.

    Raises:
        RefusedError: The person may not know of the app's clients.
        NotFound: There is none.
    """
    there = await (await _secrets(visit, "get", name)).find(name)
    if there is None:
        raise NotFound("no such client", status=HTTPStatus.NOT_FOUND)
    return store.client(there)


def _suggested(app: str) -> Form:
    return Form({"name": [f"{app}-oidc"], "clientId": [app]})


def _as_known(there: OidcClient) -> Form:
    """What is known of a client, so that it need not be entered again."""
    path, extra = next(iter(there.paths), ""), "\n".join(there.paths[1:])
    return Form(
        {keys.HOSTNAME: [there.hostname], keys.CALLBACK_PATH: [path], keys.EXTRA_CALLBACK_PATHS: [extra]}
    )


def _new_form(visit: AppVisit, form: Form, faults: Faults = NO_FAULTS) -> Response:
    return _form(visit, "oidc/new.html", form, faults, client=None, default="")


def _edit_form(visit: AppVisit, there: OidcClient, form: Form, faults: Faults = NO_FAULTS) -> Response:
    return _form(visit, "oidc/edit.html", form, faults, client=there, default=KEEP)


def _form(
    visit: AppVisit, template: str, form: Form, faults: Faults, *, client: OidcClient | None, default: str
) -> Response:
    return visit.page(
        template,
        status=HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK,
        client=client,
        form=form,
        faults=faults,
        choices=CHOICES,
        default=default,
        default_path=keys.DEFAULT_CALLBACK_PATH,
        home=names.platform_namespace(visit.app),
    )


def _searched(client: OidcClient) -> Sequence[str]:
    return (client.name, client.client_id, client.status, client.message, *client.redirect_uris)
