"""Secrets of an app: names of keys, targets, status; create, change, delete. Values go in and never come out."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app_platform.dashboard import intents as store
from app_platform.dashboard.access import Verb, intents
from app_platform.dashboard.api.callers import AppCaller, InApp
from app_platform.dashboard.api.models import SecretChange, SecretIn, SecretOut
from app_platform.dashboard.api.problems import FaultError
from app_platform.dashboard.intents import Intent
from app_platform.dashboard.secret_forms import changed_secret, new_secret
from app_platform.dashboard.web.forms import Form, Upload
from app_platform.kube import KubeClient, NotFound

router: Final = APIRouter(prefix="/apps/{app}/secrets", tags=["secrets"])


@router.get("")
async def listed(who: InApp) -> list[SecretOut]:
    """All secrets of the app, without their values."""
    return [_out(each) for each in await store.listed(await _own(who, "list"), who.app)]


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def create(who: InApp, body: SecretIn) -> SecretOut:
    """Create a secret in the caller's name; it is encrypted, committed and delivered afterwards."""
    texts = {"name": [body.name], "type": [body.type], "target": body.targets}
    wanted = new_secret(_form(texts, body.pairs), who.registration.spec.namespaces)
    await store.create(who.access.kube, who.app, wanted, who.person.name)
    # Who may create may look: the same rules give both.
    return _out(await _found(who, await _own(who, "get", body.name), body.name))


@router.get("/{name}")
async def one(who: InApp, name: str) -> SecretOut:
    """One secret, without its values."""
    return _out(await _found(who, await _own(who, "get", name), name))


@router.patch("/{name}", status_code=HTTPStatus.ACCEPTED)
async def change(who: InApp, name: str, body: SecretChange) -> SecretOut:
    """Set and take away keys, or change the targets; what is not named stays as it is."""
    own = await _own(who, "update", name)
    there = await _found(who, own, name)
    targets = there.targets if body.targets is None else body.targets
    unknown = sorted(set(body.remove) - set(there.keys))
    if unknown:
        raise FaultError(f"There is no key {unknown[0][:60]!r} to be removed.")
    form = _form({"target": list(targets), "remove": body.remove}, body.pairs)
    wanted = changed_secret(form, name, there.keys, who.registration.spec.namespaces)
    await store.change(own, who.app, there, wanted, who.person.name)
    return _out(await _found(who, own, name))


@router.delete("/{name}", status_code=HTTPStatus.ACCEPTED)
async def delete(who: InApp, name: str) -> Response:
    """Delete a secret: first from Git, then from its namespaces."""
    own = await _own(who, "delete", name)
    await store.delete(own, who.app, await _found(who, own, name), who.person.name)
    return Response(status_code=HTTPStatus.ACCEPTED)


async def _own(who: AppCaller, verb: Verb, name: str = "") -> KubeClient:
    return await who.access.own_after(intents(verb, who.app, name))


async def _found(who: AppCaller, own: KubeClient, name: str) -> Intent:
    there = await store.find(own, who.app, name)
    if there is None:
        raise NotFound("no such secret", status=HTTPStatus.NOT_FOUND)
    return there


def _form(texts: Mapping[str, Sequence[str]], pairs: Iterable[tuple[str, bytes]]) -> Form:
    """As the pages' forms, so that one place knows the rules; values as files, so that any bytes can be given."""
    uploads = [Upload(key, value) for key, value in pairs]
    if any(set(upload.name) & set("/\\") for upload in uploads):
        raise FaultError("The name of a key may have letters, digits, dash, underscore and dot.")
    return Form(texts, {"secret.file": uploads})


def _out(intent: Intent) -> SecretOut:
    deliveries = {target: each.stage.value for target, each in intent.deliveries.items()}
    return SecretOut(
        name=intent.name,
        status=intent.status,
        message=intent.message,
        keys=intent.keys,
        targets=intent.targets,
        deliveries=deliveries,
        commit=intent.commit,
        changed=intent.changed,
        changed_by=intent.changed_by,
    )
