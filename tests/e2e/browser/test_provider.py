"""The identity provider's own pages in a real browser: sign-in, a wrong password, who one is, sign-out, a request that is refused."""

from support.browser import NewVisitor
from support.dashboard import PASSWORD


def test_the_pages_of_the_provider(visitor: NewVisitor) -> None:
    somebody = visitor()
    page = somebody.open("/me")
    page.get_by_role("link", name="Sign in").click()
    somebody.picture("provider-sign-in")
    issuer = somebody.dashboard.issuer

    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").inner_text() == "Wrong user name or password."
    assert page.get_by_label("Password").input_value() == ""
    somebody.picture("provider-wrong-password")

    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{somebody.dashboard.url}/me")

    page.goto(issuer)
    assert page.get_by_role("heading", name="Ada Admin").is_visible()
    somebody.picture("provider-signed-in")
    page.goto(f"{issuer}/logout")
    somebody.picture("provider-sign-out")
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("heading", name="Sign in").is_visible()

    page.goto(f"{issuer}/api/oidc/authorization?response_type=code&client_id=nobody")
    assert page.get_by_role("alert").inner_text() == "The client does not exist on this server."
    somebody.picture("provider-refusal")
