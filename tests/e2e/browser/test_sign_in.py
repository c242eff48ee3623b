"""Signing in and out with a real browser, and what happens when a session ends or is not one's own."""

import pytest

from app_platform.dashboard.web.cookies import SESSION
from support.browser import NewVisitor


def test_one_signs_in_and_is_where_one_wanted_to_be(visitor: NewVisitor) -> None:
    somebody = visitor()
    somebody.open("/apps/my-app/namespaces")
    somebody.picture("sign-in")
    page = somebody.sign_in("ada")
    assert somebody.path() == "/apps/my-app/namespaces"
    assert page.get_by_role("heading", name="Namespaces", level=1).is_visible()
    assert page.get_by_role("link", name="Ada").is_visible()


def test_one_signs_in_without_scripts(visitor: NewVisitor) -> None:
    somebody = visitor("rita", scripts=False)
    assert somebody.page.get_by_role("heading", name="Who am I").is_visible()


def test_signing_out_ends_the_session_for_everybody_who_has_its_cookie(visitor: NewVisitor) -> None:
    ada, thief = visitor("ada"), visitor()
    stolen = [cookie for cookie in ada.page.context.cookies() if cookie["name"] == SESSION]
    thief.page.context.add_cookies(
        [{"name": each["name"], "value": each["value"], "url": ada.dashboard.url} for each in stolen]
    )
    assert thief.open("/me").get_by_role("heading", name="Who am I").is_visible()
    ada.page.get_by_role("button", name="Sign out").click()
    assert ada.page.get_by_role("heading", name="You are signed out").is_visible()
    ada.picture("signed-out")
    assert thief.open("/me").get_by_role("link", name="Sign in with SSO").is_visible()


def test_the_cookie_is_out_of_reach_of_scripts(visitor: NewVisitor) -> None:
    ada = visitor("ada")
    assert SESSION not in ada.page.evaluate("document.cookie")
    kept = next(cookie for cookie in ada.page.context.cookies() if cookie["name"] == SESSION)
    assert kept["httpOnly"]
    assert kept["sameSite"] == "Lax"


@pytest.mark.parametrize(
    ("name", "app"), [("sam", "my-app"), ("olga", "my-app"), ("ada", "other-app"), ("ada", "none-such")]
)
def test_an_app_of_others_is_as_if_it_were_not_there(visitor: NewVisitor, name: str, app: str) -> None:
    somebody = visitor(name)
    page = somebody.open(f"/apps/{app}/namespaces")
    assert page.get_by_role("heading", name="No such app").is_visible()
    page.get_by_role("link", name="Why can't I see this?").click()
    assert (
        f"None of your groups is named in spec.access of an app '{app}', or there is no such app"
        in page.inner_text("main")
    )
    somebody.check()


def test_who_am_i(visitor: NewVisitor) -> None:
    ada = visitor("ada")
    text = ada.open("/me?app=my-app").inner_text("main")
    for part in (
        "oidc:ada",
        "my-app-admins",
        "spec.access of my-app makes you admin through my-app-admins",
        "is bound in my-app-platform",
    ):
        assert part in text
    ada.picture("who-am-i")
