"""The HTTP API on the whole platform, with tokens that the identity provider has signed: as admin, developer, reader and strangers."""

import base64
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from app_platform.contracts import names, oidc
from app_platform.dashboard.api.application import PATH
from app_platform.kube import SECRETS
from support.apps import CANARY, App
from support.dashboard import PASSWORD, Dashboard
from support.identity import Browser, Relying, location
from support.platform import eventually

LIVE = 120
Api = Callable[[str], httpx2.Client]


@pytest.fixture(scope="module")
def api(dashboard: Dashboard) -> Iterator[Api]:
    """A client of the API for each person, with a token of their own."""
    opened: dict[str, httpx2.Client] = {}
    secret = client_secret(dashboard)

    def called(name: str) -> httpx2.Client:
        if name not in opened:
            token = id_token(dashboard, secret, name)
            headers = {"Authorization": f"Bearer {token}"}
            opened[name] = httpx2.Client(base_url=dashboard.url + PATH, headers=headers, trust_env=False)
        return opened[name]

    yield called
    for each in opened.values():
        each.close()


def client_secret(dashboard: Dashboard) -> str:
    """Of the dashboard's own client."""
    found = dashboard.app().find(SECRETS, names.DASHBOARD_OIDC_SECRET, names.SYSTEM_NAMESPACE)
    return base64.b64decode(found["data"][oidc.CLIENT_SECRET]).decode()


def id_token(dashboard: Dashboard, secret: str, name: str) -> str:
    """What the provider signs for somebody who signs in with the dashboard's client."""
    relying = Relying(
        dashboard.issuer, names.DASHBOARD_CLIENT, secret, redirect_uri=f"{dashboard.url}/auth/callback"
    )
    callback = location(Browser(dashboard.issuer).sign_in(relying.authorization_url(), name, PASSWORD))
    return str(relying.tokens(callback)["id_token"])


@pytest.fixture
def app(dashboard: Dashboard) -> App:
    return dashboard.app()


@pytest.fixture
def name() -> str:
    return f"a{uuid4().hex[:8]}"


def told(answer: httpx2.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    assert CANARY not in answer.text
    return answer.json() if answer.content else None


def test_who_am_i_and_which_apps(api: Api) -> None:
    me = told(api("ada").get("/me"), 200)
    assert (me["kubernetesName"], me["groups"]) == ("oidc:ada", ["my-app-admins"])
    assert [(each["name"], each["role"]) for each in me["apps"]] == [("my-app", "admin")]
    assert told(api("sam").get("/apps"), 200) == []


def test_a_secret_from_its_creation_to_its_end(api: Api, app: App, name: str) -> None:
    ada = api("ada")
    body = {
        "name": name,
        "targets": [app.dev],
        "stringData": {"password": f"{CANARY}-1"},
        "data": {"blob": base64.b64encode(b"\xff\x00").decode()},
    }
    made = told(ada.post("/apps/my-app/secrets", json=body), 202)
    assert made["keys"] == ["blob", "password"]
    until_live(ada, f"/apps/my-app/secrets/{name}", app.dev)
    live = app.find(SECRETS, name, app.dev)["data"]
    assert base64.b64decode(live["blob"]) == b"\xff\x00"
    change = {"targets": [app.dev, app.prod], "stringData": {"password": f"{CANARY}-2"}, "remove": ["blob"]}
    told(ada.patch(f"/apps/my-app/secrets/{name}", json=change), 202)
    eventually(lambda: app.live(app.prod).get(name) == {"password": f"{CANARY}-2"}, "changed", within=LIVE)
    assert "by ada" in app.git("log", "--format=%B", names.BRANCH).lower()
    latest = told(ada.get(f"/apps/my-app/timeline/secrets/{name}"), 200)[0]
    assert (latest["by"], latest["stages"][0]["title"]) == ("ada", "Received")
    found = told(ada.get(f"/apps/my-app/diagnose/secrets/{name}"), 200)
    states = {each["check"]: each["state"] for each in found}
    assert {check: states.get(check) for check in ("registered", "secret-exists", "secret-status")} == {
        "registered": "ok",
        "secret-exists": "ok",
        "secret-status": "ok",
    }, found
    told(ada.delete(f"/apps/my-app/secrets/{name}"), 202)
    eventually(lambda: name not in app.live(app.dev), "it is gone", within=LIVE)
    eventually(lambda: ada.get(f"/apps/my-app/secrets/{name}").status_code == 404, "its intent too")


def until_live(somebody: httpx2.Client, path: str, target: str) -> None:
    def is_live() -> bool:
        return bool(told(somebody.get(path), 200)["deliveries"].get(target) == "Applied")

    eventually(is_live, f"{path} is live", within=LIVE)


def test_what_cannot_be_says_what_to_change(api: Api, name: str) -> None:
    ada = api("ada")
    wrong = {"name": name, "targets": ["other-app-dev"], "stringData": {"a": CANARY}}
    problem = told(ada.post("/apps/my-app/secrets", json=wrong), 422)
    assert "is not one of the app's namespaces" in problem["detail"]
    reserved = {"name": "sops-age", "targets": ["my-app-dev"], "stringData": {"a": CANARY}}
    assert ada.post("/apps/my-app/secrets", json=reserved).status_code in (409, 422)
    problem = told(ada.put("/apps/my-app/namespaces/x-platform"), 422)
    assert "The name must start with my-app-" in problem["detail"]
    client = {"name": name, "clientId": name, "hostname": "https://a"}
    problem = told(ada.post("/apps/my-app/oidc-clients", json=client), 422)
    assert problem["errors"][0]["pointer"] == "/hostname"
    too_large = {"name": name, "targets": ["my-app-dev"], "stringData": {"a": CANARY * 200_000}}
    assert ada.post("/apps/my-app/secrets", json=too_large).status_code in (400, 413)


def test_a_client_from_its_creation_to_its_end(api: Api, app: App, name: str) -> None:
    ada, path = api("ada"), f"/apps/my-app/oidc-clients/{name}"
    body = {"name": name, "clientId": name, "hostname": f"{name}.hcl.labrats.work", "callbackPath": "/cb"}
    told(ada.post("/apps/my-app/oidc-clients", json=body), 202)

    def is_registered() -> bool:
        return bool(told(ada.get(path), 200)["status"] == "Registered")

    eventually(is_registered, "registered", within=LIVE)
    assert told(ada.get(path), 200)["redirectUris"] == [f"https://{name}.hcl.labrats.work/cb"]
    made = app.find(SECRETS, name, app.home)["data"][oidc.CLIENT_SECRET]
    for answer in (ada.get(path), ada.get("/apps/my-app/oidc-clients")):
        assert base64.b64decode(made).decode() not in answer.text
    told(ada.patch(path, json={"callbackPath": ""}), 202)
    told(ada.post(f"{path}/rotate"), 202)
    eventually(
        lambda: app.find(SECRETS, name, app.home)["data"][oidc.CLIENT_SECRET] != made, "rotated", within=LIVE
    )
    eventually(is_registered, "registered again", within=LIVE)
    told(ada.delete(path), 202)
    eventually(lambda: ada.get(path).status_code == 404, "it is gone", within=LIVE)


@pytest.mark.parametrize("who", ["dev", "rita"])
def test_others_with_a_role_look_and_change_nothing(api: Api, app: App, name: str, who: str) -> None:
    app.create(name)
    somebody = api(who)
    eventually(
        lambda: told(somebody.get(f"/apps/my-app/secrets/{name}"), 200)["status"] == "Committed",
        "committed",
        within=LIVE,
    )
    for path in (
        "", "/namespaces", "/secrets", "/oidc-clients", "/git-repositories", "/kustomizations",
        "/timeline", "/diagnose",
    ):  # fmt: skip
        told(somebody.get(f"/apps/my-app{path}"), 200)
    body = {"name": f"{name}-2", "targets": [app.dev], "stringData": {"a": CANARY}}
    client = {"name": name, "clientId": name, "hostname": "a.hcl.labrats.work"}
    refusals = (
        somebody.post("/apps/my-app/secrets", json=body),
        somebody.patch(f"/apps/my-app/secrets/{name}", json={"stringData": {"a": CANARY}}),
        somebody.delete(f"/apps/my-app/secrets/{name}"),
        somebody.post("/apps/my-app/oidc-clients", json=client),
        somebody.put("/apps/my-app/namespaces/my-app-forbidden"),
        somebody.delete("/apps/my-app/namespaces/my-app-dev"),
    )
    for answer in refusals:
        assert "You may not" in told(answer, 403)["detail"]
    assert app.find(SECRETS, f"{name}-2", app.home) is None
    app.delete(name)


@pytest.mark.parametrize("who", ["sam", "olga"])
def test_strangers_see_nothing(api: Api, who: str) -> None:
    for path in ("", "/secrets", "/oidc-clients", "/timeline", "/diagnose", "/secrets/a"):
        told(api(who).get(f"/apps/my-app{path}"), 404)


def test_a_cookie_is_no_token_and_a_token_opens_no_page(api: Api, dashboard: Dashboard) -> None:
    token = api("ada").headers["Authorization"]
    with httpx2.Client(base_url=dashboard.url, trust_env=False) as http:
        assert http.get("/me", headers={"Authorization": token}).status_code == 401
        answer = http.get(f"{PATH}/me", headers={"Cookie": "app-platform-session=x"})
    assert answer.status_code == 401
    assert answer.headers["Cache-Control"] == "no-store"
