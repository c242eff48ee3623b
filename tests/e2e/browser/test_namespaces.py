"""Namespaces in the browser: list, add, remove."""

import re

from app_platform.kube import NAMESPACES
from support.browser import NewVisitor
from support.platform import eventually


def test_an_admin_adds_a_namespace_and_removes_it(visitor: NewVisitor) -> None:
    ada = visitor("ada")
    page = ada.open("/apps/my-app/namespaces")
    ada.picture("namespaces")
    page.get_by_role("link", name="Add Namespace").click()
    page.get_by_label("Name", exact=True).fill("browser")
    ada.picture("namespace-add")
    page.get_by_role("button", name="Add Namespace").click()
    row = page.get_by_role("row", name=re.compile("my-app-browser"))
    # Nobody reloads the page: what is there shows by itself.
    row.get_by_text("Ready").wait_for()
    row.get_by_role("link", name="Remove").click()
    ada.picture("namespace-remove")
    assert "The Kubernetes namespace itself" in page.inner_text("main")
    page.get_by_role("button", name="Remove my-app-browser").click()
    assert "It still exists" in page.get_by_role("status").inner_text()
    eventually(lambda: "my-app-browser" not in page.inner_text("table >> nth=0"), "it is gone from the list")
    app = ada.dashboard.app()
    assert app.find(NAMESPACES, "my-app-browser"), "the namespace stays"


def test_a_name_that_cannot_be_is_explained(visitor: NewVisitor) -> None:
    ada = visitor("ada")
    page = ada.open("/apps/my-app/namespaces/_new")
    page.get_by_label("Name", exact=True).fill("x-platform")
    page.get_by_role("button", name="Add Namespace").click()
    assert "-platform is kept" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name", exact=True).input_value() == "x-platform"
    ada.check()


def test_others_see_namespaces_and_cannot_change_them(visitor: NewVisitor) -> None:
    for name in ("dev", "rita"):
        somebody = visitor(name)
        page = somebody.open("/apps/my-app/namespaces")
        assert page.get_by_text("my-app-dev", exact=True).is_visible()
        assert page.get_by_role("link", name="Add Namespace").count() == 0
        page = somebody.open("/apps/my-app/namespaces/_new")
        page.get_by_label("Name", exact=True).fill("forbidden")
        page.get_by_role("button", name="Add Namespace").click()
        assert "You may not change app registrations here" in page.get_by_role("alert").inner_text()
        somebody.check()
