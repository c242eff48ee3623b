"""Who sees and does what through the API, decided by a real API server."""

import base64
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from app_platform.contracts import names
from app_platform.dashboard.web.cookies import SESSION
from app_platform.kube import SECRETS
from app_platform.kube.registrations import REGISTRATIONS
from integration.dashboard.conftest import CANARY, URL, House

ROLES = ("admin", "developer", "reader", "stranger", "platform")
LOOKING: Mapping[str, tuple[int, ...]] = {
    # Address: what each of the roles above gets.
    "/me": (200, 200, 200, 200, 200),
    "/apps": (200, 200, 200, 200, 200),
    "/apps/{mine}": (200, 200, 200, 404, 200),
    "/apps/{mine}/namespaces": (200, 200, 200, 404, 200),
    "/apps/{mine}/secrets": (200, 200, 200, 404, 403),
    "/apps/{mine}/secrets/database": (200, 200, 200, 404, 403),
    "/apps/{mine}/secrets/sops-age": (404, 404, 404, 404, 403),
    "/apps/{mine}/oidc-clients": (200, 200, 200, 404, 403),
    "/apps/{mine}/oidc-clients/database": (404, 404, 404, 404, 403),
    "/apps/{mine}/git-repositories": (200, 200, 200, 404, 403),
    "/apps/{mine}/kustomizations": (200, 200, 200, 404, 403),
    "/apps/{mine}/timeline": (200, 200, 200, 404, 403),
    "/apps/{mine}/timeline/secrets/database": (200, 200, 200, 404, 403),
    "/apps/{mine}/diagnose": (200, 200, 200, 404, 403),
    "/apps/{theirs}": (404, 404, 404, 404, 200),
    "/apps/{theirs}/secrets": (404, 404, 404, 404, 403),
    "/apps/{theirs}/timeline": (404, 404, 404, 404, 403),
    "/apps/{theirs}/diagnose": (404, 404, 404, 404, 403),
}


def at(house: House, path: str) -> str:
    return path.format(mine=house.world.mine.name, theirs=house.world.theirs.name)


def told(answer: httpx2.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    assert CANARY not in answer.text
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
    return answer.json() if answer.content else None


async def test_each_role_sees_what_it_may(house: House) -> None:
    await house.make_secret()
    for index, role in enumerate(ROLES):
        caller = await house.caller(role)
        for path, wanted in LOOKING.items():
            answer = await caller.get(at(house, path))
            assert answer.status_code == wanted[index], f"{role}: {path}: {answer.text}"
            assert CANARY not in answer.text


async def test_an_admin_creates_changes_and_deletes_a_secret(house: House) -> None:
    admin, path = await house.caller("admin"), at(house, "/apps/{mine}/secrets")
    mine = house.world.mine
    body = {"name": "new", "targets": [mine.dev], "stringData": {"a": CANARY}, "data": {"b": "AP8="}}
    made = told(await admin.post(path, json=body), 202)
    assert (made["keys"], made["changedBy"]) == (["a", "b"], f"admin-of-{mine.name}")
    assert told(await admin.post(path, json=body), 409)["detail"].startswith("There is one of that name")
    change = {"stringData": {"c": CANARY}, "remove": ["a"]}
    assert told(await admin.patch(f"{path}/new", json=change), 202)["keys"] == ["b", "c"]
    stored = await house.secret("new")
    assert stored is not None
    assert {key: base64.b64decode(value) for key, value in stored["data"].items()} == {
        "b": b"\x00\xff",
        "c": CANARY.encode(),
    }
    assert stored["metadata"]["annotations"][names.CHANGED_BY] == f"admin-of-{mine.name}"
    assert told(await admin.patch(f"{path}/new", json={"remove": ["b", "c"]}), 422)["detail"].startswith(
        "Keep"
    )
    assert "no key" in told(await admin.patch(f"{path}/new", json={"remove": ["z"]}), 422)["detail"]
    told(await admin.delete(f"{path}/new"), 202)
    assert await house.secret("new") is None


async def test_an_admin_creates_changes_and_deletes_a_client(house: House) -> None:
    admin, path = await house.caller("admin"), at(house, "/apps/{mine}/oidc-clients")
    body = {"name": "web", "clientId": "web-client", "hostname": "a.hcl.labrats.work"}
    made = told(await admin.post(path, json=body), 202)
    assert (made["status"], made["clientId"]) == ("Pending", "web-client")
    await house.world.root.merge_patch(
        SECRETS, "web", house.world.mine.home, {"stringData": {"clientSecret": CANARY}}
    )
    told(await admin.get(f"{path}/web"), 200)
    told(await admin.patch(f"{path}/web", json={"callbackPath": "/cb", "consent": "implicit"}), 202)
    told(await admin.post(f"{path}/web/rotate"), 202)
    stored = await house.secret("web")
    assert stored is not None
    assert base64.b64decode(stored["data"]["callbackPath"]) == b"/cb"
    assert base64.b64decode(stored["data"]["hostname"]) == b"a.hcl.labrats.work"
    assert names.OIDC_ROTATE in stored["metadata"]["annotations"]
    told(await admin.patch(f"{path}/web", json={"consent": ""}), 202)
    stored = await house.secret("web")
    assert stored is not None
    assert "consent" not in stored["data"]
    assert (
        told(await admin.patch(f"{path}/web", json={"consent": "never"}), 422)["errors"][0]["pointer"]
        == "/consent"
    )
    told(await admin.delete(f"{path}/web"), 202)
    assert await house.secret("web") is None


async def test_a_namespace_is_added_and_given_up(house: House) -> None:
    admin, mine = await house.caller("admin"), house.world.mine
    path = at(house, f"/apps/{{mine}}/namespaces/{mine.name}-extra")
    for _ in range(2):
        told(await admin.put(path), 202)
    found = await house.world.root.get(REGISTRATIONS, mine.name)
    assert f"{mine.name}-extra" in found["spec"]["namespaces"]
    told(await admin.delete(path), 204)
    found = await house.world.root.get(REGISTRATIONS, mine.name)
    assert f"{mine.name}-extra" not in found["spec"]["namespaces"]


@pytest.mark.parametrize("role", ["developer", "reader"])
async def test_others_change_nothing(house: House, role: str) -> None:
    await house.make_secret()
    somebody, mine = await house.caller(role), house.world.mine
    secrets, clients = at(house, "/apps/{mine}/secrets"), at(house, "/apps/{mine}/oidc-clients")
    body = {"name": "new", "targets": [mine.dev], "stringData": {"a": CANARY}}
    answers = (
        await somebody.post(secrets, json=body),
        await somebody.patch(f"{secrets}/database", json={"stringData": {"a": CANARY}}),
        await somebody.delete(f"{secrets}/database"),
        await somebody.post(clients, json={"name": "c", "clientId": "c", "hostname": "a.hcl.labrats.work"}),
        await somebody.post(f"{clients}/c/rotate"),
        await somebody.put(at(house, f"/apps/{{mine}}/namespaces/{mine.name}-extra")),
        await somebody.delete(at(house, f"/apps/{{mine}}/namespaces/{mine.dev}")),
    )
    for answer in answers:
        assert "You may not" in told(answer, 403)["detail"]
    assert await house.secret("new") is None
    kept = await house.secret("database")
    assert kept is not None
    assert "deletionTimestamp" not in kept["metadata"]


async def test_only_what_wears_the_label_can_be_written(house: House) -> None:
    admin = await house.caller("admin")
    for path in ("/apps/{mine}/secrets/sops-age", "/apps/{mine}/oidc-clients/sops-age"):
        told(await admin.delete(at(house, path)), 404)
    await house.make_secret()
    told(await admin.delete(at(house, "/apps/{mine}/oidc-clients/database")), 404)
    assert await house.secret("database") is not None


async def test_too_much_is_refused_before_it_is_read(house: House) -> None:
    admin = await house.caller("admin")
    body = {"name": "new", "targets": [house.world.mine.dev], "stringData": {"a": CANARY * 200_000}}
    answer = await admin.post(at(house, "/apps/{mine}/secrets"), json=body)
    assert answer.status_code == 413, answer.text[:200]


async def test_a_session_is_no_token_and_a_token_opens_no_page(house: House) -> None:
    guest = await house.person("admin")
    told(await guest.http.get(f"{URL}/api/v1/me"), 401)
    assert guest.http.cookies.get(SESSION)
    caller = await house.caller("admin")
    answer = await caller.get(f"{URL}/me")
    assert answer.status_code == 401
    assert "text/html" in answer.headers["content-type"]
