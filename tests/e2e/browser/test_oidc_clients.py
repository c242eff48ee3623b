"""OIDC clients in the browser: asked for, registered, used, changed, rotated, deleted; and what others see of them."""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import yaml
from playwright.sync_api import Page

from app_platform.contracts import names, oidc
from app_platform.kube import SECRETS
from support.browser import NewVisitor, Visitor
from support.dashboard import Dashboard
from support.platform import eventually

PAGES = "/apps/my-app/oidc-clients"
REGISTERED = 120_000


@pytest.fixture
def name(dashboard: Dashboard) -> Iterator[str]:
    """A name for a client of this test; it goes afterwards."""
    chosen = f"c{uuid4().hex[:8]}"
    yield chosen
    app = dashboard.app()
    if app.find(SECRETS, chosen, app.home):
        app.cluster.do(lambda client: client.delete(SECRETS, chosen, app.home))


def create(somebody: Visitor, name: str, hostname: str = "") -> Page:
    """Fill in the form and send it."""
    page = somebody.open(f"{PAGES}/_new")
    page.get_by_label("Client ID").fill(name)
    page.get_by_label("Name of the Secret").fill(name)
    page.get_by_label("Host name").fill(hostname or f"{name}.my-app.hcl.labrats.work")
    page.get_by_role("button", name="Create").click()
    return page


def until_registered(page: Page) -> None:
    """The page is not loaded again: it shows by itself what becomes of the client."""
    page.get_by_text("Registered", exact=True).wait_for(timeout=REGISTERED)


def client_secret(dashboard: Dashboard, name: str) -> str:
    """As the app reads it."""
    app = dashboard.app()
    data = (app.find(SECRETS, name, app.home) or {}).get("data") or {}
    return base64.b64decode(data.get(oidc.CLIENT_SECRET, "")).decode()


def texts_of(somebody: Visitor) -> list[str]:
    """Every page that the browser is given from now on."""
    seen: list[str] = []
    somebody.page.on("response", lambda answer: seen.append(answer.text()) if _is_page(answer) else None)
    return seen


def _is_page(answer: Any) -> bool:
    return "text/html" in answer.headers.get("content-type", "") and not 300 <= answer.status < 400


def test_an_admin_creates_a_client_and_gets_what_the_guide_says(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    seen = texts_of(ada)
    ada.open(f"{PAGES}/_new")
    ada.picture("oidc-create")
    page = create(ada, name)
    page.wait_for_url(re.compile(f"/oidc-clients/{name}$"))
    ada.picture("oidc-pending")
    until_registered(page)
    text = page.inner_text("main")
    callback = f"https://{name}.my-app.hcl.labrats.work/api/auth/oidc/callback"
    for part in (name, "Key clientSecret of the Secret", ada.dashboard.issuer, callback):
        assert part in text
    ada.picture("oidc-client")
    made = client_secret(ada.dashboard, name)
    ada.open(PAGES)
    ada.picture("oidc-clients")
    assert len(made) == 72
    assert seen
    assert not [text for text in seen if made in text], "the client secret came to the browser"


def test_the_manifests_to_use_it_are_filled_in_for_each_namespace(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    page = create(ada, name)
    until_registered(page)
    page.get_by_role("link", name="my-app-prod").click()
    account, store, external = yaml.safe_load_all(page.locator("#access").inner_text())
    assert account["metadata"] == {"name": "secret-reader", "namespace": "my-app-prod"}
    provider = store["spec"]["provider"]["kubernetes"]
    assert provider["remoteNamespace"] == "my-app-platform"
    assert provider["auth"]["serviceAccount"]["name"] == account["metadata"]["name"]
    assert external["spec"]["secretStoreRef"]["name"] == store["metadata"]["name"]
    assert external["spec"]["data"][0]["remoteRef"] == {"key": name, "property": "clientSecret"}
    env = {each["name"]: each for each in yaml.safe_load(page.locator("#env").inner_text())["env"]}
    assert env["OIDC_CLIENT_ID"]["value"] == name
    assert (
        env["OIDC_CLIENT_SECRET"]["valueFrom"]["secretKeyRef"]["name"] == external["spec"]["target"]["name"]
    )


def test_a_client_is_changed_and_keeps_its_secret(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    page = create(ada, name)
    until_registered(page)
    before = client_secret(ada.dashboard, name)
    page.get_by_role("link", name="Edit").click()
    assert page.get_by_label("Host name").input_value() == f"{name}.my-app.hcl.labrats.work"
    ada.picture("oidc-edit")
    page.get_by_label("Callback path", exact=False).first.fill("/signed-in")
    page.get_by_role("button", name="Update").click()
    page.get_by_text(f"https://{name}.my-app.hcl.labrats.work/signed-in").first.wait_for(timeout=REGISTERED)
    until_registered(page)
    assert client_secret(ada.dashboard, name) == before
    app = ada.dashboard.app()
    assert app.find(SECRETS, name, app.home)["metadata"]["annotations"][names.CHANGED_BY] == "ada"


def test_a_client_gets_a_new_secret(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    page = create(ada, name)
    until_registered(page)
    before = client_secret(ada.dashboard, name)
    page.get_by_role("link", name="New client secret").click()
    ada.picture("oidc-rotate")
    page.get_by_role("button", name="Make a new client secret").click()
    page.wait_for_url(re.compile(f"/oidc-clients/{name}$"))
    eventually(lambda: client_secret(ada.dashboard, name) != before, "there is a new client secret")
    until_registered(page)
    page.get_by_text("A new client secret is being made", exact=False).last.wait_for()
    ada.check()


def test_a_client_is_deleted(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    page = create(ada, name)
    until_registered(page)
    page.get_by_role("link", name="Delete").click()
    ada.picture("oidc-delete")
    page.get_by_role("button", name=f"Delete {name}").click()
    page.get_by_role("rowheader", name=name).wait_for(state="detached", timeout=REGISTERED)
    app = ada.dashboard.app()
    eventually(lambda: app.find(SECRETS, name, app.home) is None, "it is gone")


@pytest.mark.parametrize("hostname", ["https://x.hcl.labrats.work", "*.hcl.labrats.work", "a b"])
def test_a_host_name_that_cannot_be_is_explained_where_it_was_entered(
    visitor: NewVisitor, name: str, hostname: str
) -> None:
    ada = visitor("ada")
    page = create(ada, name, hostname)
    assert "Enter a host name alone" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Host name").input_value() == hostname
    ada.check()


def test_what_the_registrar_refuses_is_shown_and_mended(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    page = create(ada, name, "elsewhere.example.org")
    page.get_by_text("lies outside the domains").wait_for(timeout=REGISTERED)
    ada.picture("oidc-failed")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Host name").fill(f"{name}.my-app.hcl.labrats.work")
    page.get_by_role("button", name="Update").click()
    until_registered(page)


def test_a_client_id_of_another_app_is_refused_with_the_reason(
    visitor: NewVisitor, name: str, dashboard: Dashboard
) -> None:
    olga = visitor("olga")
    page = olga.open("/apps/other-app/oidc-clients/_new")
    for label, text in (
        ("Client ID", name),
        ("Name of the Secret", name),
        ("Host name", f"{name}.hcl.labrats.work"),
    ):
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Create").click()
    until_registered(page)
    page = create(visitor("ada"), name)
    page.get_by_text("It is not registered.").wait_for(timeout=REGISTERED)
    dashboard.cluster.do(lambda client: client.delete(SECRETS, name, "other-app-platform"))


@pytest.mark.parametrize("who", ["dev", "rita"])
def test_others_see_clients_and_can_change_nothing(visitor: NewVisitor, name: str, who: str) -> None:
    create(visitor("ada"), name).wait_for_url(re.compile(f"/oidc-clients/{name}$"))
    somebody = visitor(who)
    page = somebody.open(PAGES)
    assert page.get_by_role("row", name=name).is_visible()
    assert page.get_by_role("link", name="Create Client").count() == 0
    page = somebody.open(f"{PAGES}/{name}")
    assert page.get_by_role("link", name=re.compile("Edit|Delete|New client secret")).count() == 0
    somebody.check()
    create(somebody, f"{name}-2")
    assert "You may not create secrets here" in page.get_by_role("alert").inner_text()
    forms: tuple[tuple[str, Callable[[], None]], ...] = (
        ("rotate", lambda: page.get_by_role("button", name="Make a new client secret").click()),
        ("delete", lambda: page.get_by_role("button", name=f"Delete {name}").click()),
        ("edit", lambda: page.get_by_role("button", name="Update").click()),
    )
    for form, send in forms:
        somebody.open(f"{PAGES}/{name}/{form}")
        if form == "edit":
            page.get_by_label("Host name").fill(f"{name}.my-app.hcl.labrats.work")
        send()
        page.get_by_role("heading", name="You may not do that").wait_for()
    app = somebody.dashboard.app()
    assert app.find(SECRETS, f"{name}-2", app.home) is None
    assert app.find(SECRETS, name, app.home)["metadata"].get("deletionTimestamp") is None
