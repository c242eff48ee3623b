"""The API's description, its errors, and what it takes: no cluster, no provider."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI

from app_platform.contracts import Registration
from app_platform.dashboard.api import callers
from app_platform.dashboard.api.application import create_api
from app_platform.dashboard.api.callers import AppCaller
from app_platform.dashboard.api.models import SecretChange, SecretIn
from app_platform.dashboard.people import Person
from app_platform.dashboard.tokens import TokenRefusedError
from app_platform.dashboard.web.site import Site
from app_platform.kube import Forbidden, Unavailable
from support.samples import registration_object

CANARY = "c4n4ry-v4lu3"


class Tokens:
    """Takes one token."""

    async def bearer(self, text: str) -> Person:
        if text != "good":
            raise TokenRefusedError("the token has expired: get another one")
        return Person("ada", ("my-app-admins",))


class Refusing:
    """A cluster that answers everything with one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def acting_as(self, _user: object) -> "Refusing":
        return self

    async def get(self, *_: object, **__: object) -> Any:
        raise self.error


def site(own: object = None) -> Site:
    parts = SimpleNamespace(
        settings=SimpleNamespace(dashboard_url="http://127.0.0.1:8000"),
        tokens=Tokens(),
        own=own or Refusing(Forbidden("no", status=403)),
        speakable=SimpleNamespace(groups=lambda: None),
        directory=SimpleNamespace(apps=list),
    )
    return cast("Site", parts)


@pytest.fixture
def api() -> FastAPI:
    return create_api(site())


@pytest.fixture
async def http(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(api) as made:
        yield made


def client(api: FastAPI, **headers: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=api, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers)


GOOD = {"Authorization": "Bearer good"}


async def test_every_operation_is_described_and_needs_a_token(api: FastAPI, http: httpx2.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    operations = [
        (method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) > 20
    for method, path, operation in operations:
        assert operation["summary"], path
        assert operation["description"], path
        assert operation["security"] == [{"identityProvider": []}], (method, path)
        assert "application/problem+json" in operation["responses"]["default"]["content"]
    assert "Problem" in described["components"]["schemas"]


async def test_without_a_token_nobody_is_anybody_whatever_cookies_there_are(
    api: FastAPI, http: httpx2.AsyncClient
) -> None:
    described = (await http.get("/openapi.json")).json()
    async with client(api, Cookie="app-platform-session=anything") as browser:
        for path, methods in described["paths"].items():
            for method in methods:
                address = path.replace("{app}", "my-app").replace("{name}", "x")
                answer = await browser.request(method.upper(), address, json={})
                assert answer.status_code == 401, (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"] == 'Bearer realm="app-platform"'


async def test_a_token_that_does_not_count_is_told_why(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/me", headers={"Authorization": f"Bearer {CANARY}"})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.json()["detail"] == "Refused: the token has expired: get another one."
    assert CANARY not in answer.text
    assert (await http.get("/me", headers={"Authorization": "Basic good"})).status_code == 401


async def test_who_calls(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/me", headers=GOOD)
    assert answer.json() == {
        "name": "ada",
        "kubernetesName": "oidc:ada",
        "groups": ["my-app-admins"],
        "apps": [],
    }


async def test_an_app_of_others_is_as_if_it_were_not_there(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/apps/my-app", headers=GOOD)
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")
    assert "There is no such app" in answer.json()["detail"]


async def test_what_the_cluster_does_not_answer_is_a_problem_too() -> None:
    away = create_api(site(Refusing(Unavailable("10.0.0.1 refused", status=503))))
    async with client(away) as http:
        answer = await http.get("/apps/my-app", headers=GOOD)
    assert answer.status_code == 503
    assert "10.0.0.1" not in answer.text


async def test_a_mistake_of_ours_tells_nothing_of_our_inside() -> None:
    broken = create_api(site(Refusing(RuntimeError(CANARY))))
    async with client(broken) as http:
        answer = await http.get("/apps/my-app", headers=GOOD)
    assert answer.status_code == 500
    assert CANARY not in answer.text


async def test_addresses_and_methods_that_are_not_there(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/nowhere", headers=GOOD)).json()["status"] == 404
    answer = await http.put("/me", headers=GOOD)
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


async def test_a_body_that_is_not_as_described_is_refused_without_being_repeated(api: FastAPI) -> None:
    app = Registration.from_object(registration_object())
    api.dependency_overrides[callers.app_caller] = lambda: AppCaller(site(), cast("Any", None), app)
    bodies: tuple[tuple[Any, str], ...] = (
        ({"name": "a", "targets": ["my-app-dev"], "stringData": {"k": 7}}, "/stringData/k"),
        ({"name": "a", "targets": ["my-app-dev"], "data": {"k": CANARY}}, "/data"),
        ({"name": "a", "targets": ["my-app-dev"], "strinData": {"k": CANARY}}, "/strinData"),
        ({"targets": ["my-app-dev"], "stringData": {"k": CANARY}}, "/name"),
    )
    async with client(api) as http:
        for body, pointer in bodies:
            answer = await http.post("/apps/my-app/secrets", json=body, headers=GOOD)
            assert answer.status_code == 422, body
            assert pointer in {each["pointer"] for each in answer.json()["errors"]}
            assert CANARY not in answer.text
        answer = await http.post(
            "/apps/my-app/secrets",
            json={"name": "a", "targets": ["other-dev"], "stringData": {"a/b": CANARY}},
            headers=GOOD,
        )
        assert answer.status_code == 422
        assert CANARY not in answer.text


def test_values_show_in_no_repr() -> None:
    taken = SecretIn.model_validate(
        {"name": "a", "targets": [], "stringData": {"k": CANARY}, "data": {"b": "YzRuNHJ5LXY0bHUz"}}
    )
    assert CANARY not in repr(taken)
    assert "c4n4ry" not in repr(taken)
    assert dict(taken.pairs) == {"k": CANARY.encode(), "b": b"c4n4ry-v4lu3"}
    assert SecretChange().targets is None
