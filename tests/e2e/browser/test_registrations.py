"""App registrations in the browser: what platform admins do with them, and what others see."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from app_platform.kube import NAMESPACES
from app_platform.kube.registrations import REGISTRATIONS
from support.browser import NewVisitor
from support.dashboard import Dashboard
from support.platform import eventually


@pytest.fixture
def name(dashboard: Dashboard) -> Iterator[str]:
    """A name for an app of this test, which is unregistered in the end."""
    made = f"r{uuid4().hex[:8]}"
    yield made
    app = dashboard.app(made)
    if app.registration():
        app.cluster.do(lambda kube: kube.delete(REGISTRATIONS, made))


def test_an_app_is_registered_changed_and_deleted(visitor: NewVisitor, name: str) -> None:
    paula = visitor("paula")
    page = paula.open("/")
    page.get_by_role("heading", name="App Registrations").wait_for()
    page.get_by_role("link", name="Register an app").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Display name").fill("An App of a Test")
    page.get_by_label("Namespaces").fill(f"dev\n{name}-prod")
    page.get_by_label("Group 1").fill(f"{name}-admins")
    page.get_by_label("Role 1").select_option("admin")
    paula.picture("registration-new")
    page.get_by_role("button", name="Register").click()
    page.wait_for_url(re.compile(f"/registrations/{name}$"))
    # Nobody loads the page again.
    page.get_by_text("the app can be deployed to").wait_for(timeout=120_000)
    paula.picture("registration")
    app = paula.dashboard.app(name)
    spec = (app.registration() or {})["spec"]
    assert spec["namespaces"] == [f"{name}-dev", f"{name}-prod"]
    assert spec["access"] == [{"group": f"{name}-admins", "role": "admin"}]

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Description").fill("<script>alert(1)</script>")
    page.get_by_role("button", name="Add a group").click()
    page.get_by_label("Group").last.fill(f"{name}-readers")
    page.get_by_label("Role").last.select_option("reader")
    paula.picture("registration-edit")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("<script>alert(1)</script>").wait_for()
    paula.check()

    paula.open(f"/registrations?q={name}")
    paula.picture("registrations")
    page = paula.open(f"/registrations/{name}/delete")
    paula.picture("registration-delete")
    page.get_by_label("to confirm").fill("something else")
    page.get_by_role("button", name="Delete the registration").click()
    assert f"Enter the name of the app, {name}" in page.get_by_role("alert").inner_text()
    page.get_by_label("to confirm").fill(name)
    page.get_by_role("button", name="Delete the registration").click()
    assert "Its namespaces and what runs in them stay" in page.get_by_role("status").inner_text()
    eventually(lambda: app.registration() is None, "it is gone", within=120)
    assert app.find(NAMESPACES, f"{name}-dev"), "the namespace stays"


def test_all_that_is_wrong_is_said_at_once_and_nothing_typed_is_lost(visitor: NewVisitor) -> None:
    paula = visitor("paula")
    page = paula.open("/registrations/_new")
    page.get_by_label("Name", exact=True).fill("My-App")
    page.get_by_label("Namespaces").fill("My-App-x-platform")
    page.get_by_label("Group 1").fill("system:masters")
    page.get_by_role("button", name="Register").click()
    text = page.get_by_role("alert").inner_text()
    for part in ("lower-case letters", "“system:masters” belongs to Kubernetes itself"):
        assert part in text
    assert page.get_by_label("Namespaces").input_value() == "My-App-x-platform"
    paula.check()


def test_others_do_not_see_registrations_but_their_own(visitor: NewVisitor) -> None:
    ada = visitor("ada")
    page = ada.open("/registrations")
    assert page.get_by_role("heading", name="You may not do that").is_visible()
    page = ada.open("/registrations/my-app")
    assert page.get_by_text("the app can be deployed to").is_visible()
    assert page.get_by_role("link", name=re.compile("^(Edit|Delete)$")).count() == 0
    page = ada.open("/registrations/my-app/edit")
    page.get_by_label("Group 1").fill("everybody")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()
    assert "nly spec.namespaces may be changed by the app's admins" in page.get_by_role("alert").inner_text()
    assert ada.open("/registrations/other-app").get_by_role("heading", name="No such app").is_visible()


def test_two_platform_admins_do_not_undo_each_other(visitor: NewVisitor, name: str) -> None:
    one, other = visitor("paula"), visitor("paula")
    one.dashboard.app(name).register()
    for somebody in (one, other):
        somebody.open(f"/registrations/{name}/edit")
    one.page.get_by_label("Display name").fill("first")
    one.page.get_by_role("button", name="Save").click()
    one.page.wait_for_url(re.compile(f"/registrations/{name}$"))
    other.page.get_by_label("Display name").fill("second")
    other.page.get_by_role("button", name="Save").click()
    other.page.get_by_role("alert").wait_for()
    assert "Somebody else has changed it meanwhile" in other.page.get_by_role("alert").inner_text()
