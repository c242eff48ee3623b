"""The life of a secret in the browser: created, live in its namespaces, changed, deleted; and what others see of it."""

import re
import time
from uuid import uuid4

import pytest
from playwright.sync_api import FilePayload, Page

from app_platform.contracts import names
from app_platform.kube import SECRETS
from support.apps import CANARY
from support.browser import NewVisitor, Visitor
from support.dashboard import Dashboard
from support.leaks import leaks
from support.platform import eventually


@pytest.fixture
def name() -> str:
    """A name for a secret of this test."""
    return f"s{uuid4().hex[:8]}"


def create(
    somebody: Visitor, name: str, *pairs: tuple[str, str], targets: tuple[str, ...] = ("my-app-dev",)
) -> Page:
    """Fill in the form and send it."""
    page = somebody.open("/apps/my-app/secrets/_new")
    page.get_by_label("Name", exact=True).fill(name)
    for target in targets:
        page.get_by_label(target).check()
    for number, (key, value) in enumerate(pairs, start=1):
        page.get_by_label(f"Key {number}", exact=True).fill(key)
        page.get_by_label(f"Value {number}", exact=True).fill(value)
    page.get_by_role("button", name="Create", exact=True).click()
    return page


def until_live(dashboard: Dashboard, name: str, namespace: str, values: dict[str, str]) -> None:
    eventually(lambda: dashboard.app().live(namespace).get(name) == values, f"{name} is live", within=120)


def test_a_secret_is_created_and_seen_to_come_alive(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    pairs = (("password", f"{CANARY}-1"), ("user", f"{CANARY}-2"))
    page = create(ada, name, *pairs, targets=("my-app-dev", "my-app-prod"))
    page.wait_for_url(re.compile(f"/secrets/{name}$"))
    ada.picture("secret-on-its-way")
    # The page is not loaded again: it shows by itself what becomes of the secret.
    for namespace in ("my-app-dev", "my-app-prod"):
        page.get_by_role("listitem").filter(has_text=f"In {namespace}").get_by_text(
            "Live", exact=True
        ).wait_for(timeout=120_000)
    page.locator(".badge", has_text="Committed").wait_for()
    for namespace in ("my-app-dev", "my-app-prod"):
        until_live(ada.dashboard, name, namespace, dict(pairs))
    ada.picture("secret")
    ada.open("/apps/my-app/secrets")
    ada.picture("secrets")
    for rest in ("", f"/{name}", f"/{name}/edit", f"/{name}/delete"):
        answer = page.request.get(f"{ada.dashboard.url}/apps/my-app/secrets{rest}")
        assert answer.ok
        assert CANARY not in answer.text(), "a value came back"
    assert leaks(ada.dashboard.platform, ada.dashboard.cluster) == []
    assert f"by {ada.name}" in ada.dashboard.app().git("log", "--format=%B", names.BRANCH).lower()


def test_values_stay_in_the_form_when_something_is_wrong_with_it(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    page = create(ada, name, ("a", CANARY), ("a b", CANARY))
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "“a b” cannot be" in alert.inner_text()
    assert page.get_by_label("Value 1", exact=True).input_value() == CANARY
    ada.picture("secret-fault")
    page.get_by_label("Key 2", exact=True).fill("b")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(re.compile(f"/secrets/{name}$"))


def test_without_scripts_values_have_to_be_entered_again_and_all_works(
    visitor: NewVisitor, name: str
) -> None:
    ada = visitor("ada", scripts=False)
    page = create(ada, name, ("a b", CANARY))
    assert "please enter them again" in page.get_by_role("alert").inner_text()
    assert CANARY not in page.content()
    page.get_by_label("Key 1", exact=True).fill("a")
    page.get_by_label("Value 1", exact=True).fill(CANARY)
    page.get_by_role("button", name="Create", exact=True).click()
    assert page.url.endswith(f"/secrets/{name}")
    until_live(ada.dashboard, name, "my-app-dev", {"a": CANARY})


def test_keys_come_from_an_env_file_and_from_uploads(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    page = ada.open("/apps/my-app/secrets/_new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("my-app-dev").check()
    page.get_by_text("Paste a .env file").click()
    page.get_by_label("Lines such as").fill(f"export A={CANARY}-a\n# comment\nB='{CANARY}-b'\n")
    page.get_by_text("Upload files").click()
    file: FilePayload = {"name": "tls.crt", "mimeType": "text/plain", "buffer": f"{CANARY}\n-file\n".encode()}
    page.get_by_label("Each file becomes a key").set_input_files(file)
    page.get_by_role("button", name="Add a key").click()
    ada.picture("secret-create")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(re.compile(f"/secrets/{name}$"))
    wanted = {"A": f"{CANARY}-a", "B": f"{CANARY}-b", "tls.crt": f"{CANARY}\n-file\n"}
    until_live(ada.dashboard, name, "my-app-dev", wanted)


def test_a_secret_is_changed_key_by_key(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    create(
        ada, name, ("keep", f"{CANARY}-1"), ("change", f"{CANARY}-2"), ("remove", f"{CANARY}-3")
    ).wait_for_url(re.compile(name))
    page = ada.open(f"/apps/my-app/secrets/{name}/edit")
    assert CANARY not in page.content()
    ada.picture("secret-edit")
    page.get_by_label("New value of change").fill(f"{CANARY}-4")
    page.get_by_label("Remove remove").check()
    page.get_by_label("Key new 1").fill("add")
    page.get_by_label("Value new 1").fill(f"{CANARY}-5")
    page.get_by_label("my-app-prod").check()
    page.get_by_role("button", name="Update").click()
    page.wait_for_url(re.compile(f"/secrets/{name}$"))
    wanted = {"keep": f"{CANARY}-1", "change": f"{CANARY}-4", "add": f"{CANARY}-5"}
    for namespace in ("my-app-dev", "my-app-prod"):
        until_live(ada.dashboard, name, namespace, wanted)


def test_a_secret_is_deleted(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    create(ada, name, ("key", CANARY)).wait_for_url(re.compile(f"/secrets/{name}$"))
    until_live(ada.dashboard, name, "my-app-dev", {"key": CANARY})
    page = ada.page
    page.get_by_role("link", name="Delete", exact=True).click()
    ada.picture("secret-delete")
    page.get_by_role("button", name=f"Delete {name}").click()
    assert "first from Git" in page.get_by_role("status").inner_text()
    page.get_by_role("rowheader", name=name).wait_for(state="detached", timeout=120_000)
    eventually(lambda: name not in ada.dashboard.app().live("my-app-dev"), "it is gone", within=120)


@pytest.mark.parametrize("who", ["dev", "rita"])
def test_others_see_names_of_keys_and_can_change_nothing(visitor: NewVisitor, name: str, who: str) -> None:
    create(visitor("ada"), name, ("visible-key", CANARY)).wait_for_url(re.compile(f"/secrets/{name}$"))
    somebody = visitor(who)
    page = somebody.open(f"/apps/my-app/secrets?q={name}")
    assert "visible-key" in page.get_by_role("row", name=name).inner_text()
    assert page.get_by_role("link", name=re.compile("Create|Edit|Delete")).count() == 0
    somebody.check()
    create(somebody, f"{name}-2", ("key", CANARY))
    page.get_by_role("alert").wait_for()
    assert "You may not create secrets here" in page.get_by_role("alert").inner_text()
    page = somebody.open(f"/apps/my-app/secrets/{name}/edit")
    page.get_by_label("New value of visible-key").fill(f"{CANARY}-2")
    page.get_by_role("button", name="Update").click()
    page.get_by_role("heading", name="You may not do that").wait_for()
    page = somebody.open(f"/apps/my-app/secrets/{name}/delete")
    page.get_by_role("button", name=f"Delete {name}").click()
    page.get_by_role("heading", name="You may not do that").wait_for()
    app = somebody.dashboard.app()
    assert app.find(SECRETS, f"{name}-2", app.home) is None
    assert app.find(SECRETS, name, app.home)["metadata"].get("deletionTimestamp") is None


def test_a_refused_secret_says_what_to_change(visitor: NewVisitor, name: str) -> None:
    ada = visitor("ada")
    page = create(ada, "sops-age", ("key", CANARY))
    page.get_by_role("alert").wait_for()
    assert "hoose another name" in page.get_by_role("alert").inner_text()
    page = create(ada, name, ("key", CANARY), targets=())
    page.get_by_role("alert").wait_for()
    assert "at least one target" in page.get_by_role("alert").inner_text()


def test_what_was_typed_stays_when_the_session_ends(
    visitor: NewVisitor, name: str, dashboard: Dashboard
) -> None:
    tess, page = half_filled(visitor, name, dashboard, scripts=True)
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_text("Your session has ended").wait_for()
    tess.picture("session-ended-in-a-form")
    dashboard.change_user("tess", disabled=False)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in again").click()
    # The identity provider still knows who this is, and asks for nothing.
    opened.value.get_by_role("heading", name="You are signed in").wait_for()
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(re.compile(f"/secrets/{name}$"))
    until_live(dashboard, name, "my-app-prod", {"password": CANARY})


def test_without_scripts_a_half_filled_form_comes_back_but_for_its_values(
    visitor: NewVisitor, name: str, dashboard: Dashboard
) -> None:
    tess, page = half_filled(visitor, name, dashboard, scripts=False)
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("heading", name="Your session has ended").wait_for()
    dashboard.change_user("tess", disabled=False)
    tess.sign_in("tess")
    page.get_by_text("here is what you had filled in").wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == name
    assert page.get_by_label("my-app-prod").is_checked()
    assert page.get_by_label("Key 1", exact=True).input_value() == "password"
    assert page.get_by_label("Value 1", exact=True).input_value() == ""
    assert CANARY not in page.content()


def half_filled(
    visitor: NewVisitor, name: str, dashboard: Dashboard, *, scripts: bool
) -> tuple[Visitor, Page]:
    """Somebody with a form that is filled in, who may not sign in any more."""
    dashboard.change_user("tess", displayname="Tess", disabled=False)
    tess = visitor("tess", scripts=scripts)
    page = tess.open("/apps/my-app/secrets/_new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("my-app-prod").check()
    page.get_by_label("Key 1", exact=True).fill("password")
    page.get_by_label("Value 1", exact=True).fill(CANARY)
    dashboard.change_user("tess", disabled=True)
    until_noticed()
    return tess, page


def until_noticed() -> None:
    """Until the dashboard asks the provider again who somebody is."""
    time.sleep(1.5)  # more than the second that tests set; nothing shows before the next request
