"""Timelines and Diagnose in the browser: a secret is seen to come alive, and what stops it is explained."""

import re
from uuid import uuid4

import pytest

from app_platform.contracts import names
from app_platform.kube import SECRETS
from support.apps import CANARY, App
from support.browser import NewVisitor
from support.dashboard import Dashboard
from support.platform import eventually

LIVE = 120_000


@pytest.fixture
def app(dashboard: Dashboard) -> App:
    return dashboard.app()


@pytest.fixture
def name() -> str:
    return f"t{uuid4().hex[:8]}"


def test_a_secret_is_followed_from_its_author_to_its_namespaces(
    visitor: NewVisitor, app: App, name: str
) -> None:
    ada = visitor("ada")
    page = ada.open("/apps/my-app/secrets/_new")
    page.get_by_label("Name", exact=True).fill(name)
    for target in (app.dev, app.prod):
        page.get_by_label(target).check()
    page.get_by_label("Key 1", exact=True).fill("password")
    page.get_by_label("Value 1", exact=True).fill(CANARY)
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(re.compile(f"/secrets/{name}$"))
    page.locator("main").get_by_role("link", name="Timeline", exact=True).click()
    page.wait_for_url(re.compile(f"/timeline/secrets/{name}$"))
    # Nobody reloads the page: each stage shows by itself.
    story = page.locator("section.story")
    for stage in (
        "Received",
        "Encrypted",
        "Committed",
        "Fetched",
        f"Live in {app.dev}",
        f"Live in {app.prod}",
    ):
        step = story.get_by_role("listitem").filter(has_text=stage)
        step.get_by_text("done", exact=True).wait_for(state="attached", timeout=LIVE)
    assert "by ada" in story.inner_text()
    assert "with the keys password" in story.inner_text()
    assert page.locator("section.story time").count() >= 6
    ada.picture("timeline-secret")
    assert CANARY not in page.content()


def test_what_stops_a_secret_is_on_its_timeline_and_diagnosed(
    visitor: NewVisitor, app: App, name: str
) -> None:
    app.create_raw(name, "my-app-nowhere", {"a": CANARY})
    ada = visitor("ada")
    page = ada.open(f"/apps/my-app/timeline/secrets/{name}")
    page.get_by_text("What to do:").first.wait_for(timeout=LIVE)
    assert "my-app-nowhere" in page.locator("section.story").inner_text()
    ada.picture("timeline-secret-failed")
    page.get_by_role("link", name="Diagnose").click()
    first = page.locator(".checks > li").first
    assert first.get_by_text("problem", exact=True).count() == 1
    assert "my-app-nowhere" in first.inner_text()
    ada.picture("diagnose-secret")
    app.cluster.do(lambda client: client.delete(SECRETS, name, app.home))


def test_everybody_with_a_role_sees_what_happened_in_the_app(
    visitor: NewVisitor, app: App, name: str
) -> None:
    app.create(name)
    eventually(lambda: name in app.live(app.dev), f"{name} is live", within=120)
    for who in ("ada", "dev", "rita"):
        somebody = visitor(who)
        page = somebody.open("/apps/my-app/timeline")
        page.get_by_role("link", name=f"Secret {name} encrypted").wait_for()
        page.get_by_role("link", name="my-app-dev", exact=True).click()
        page.get_by_role("link", name=f"Secret {name} encrypted").wait_for()
        page = somebody.open("/apps/my-app/diagnose")
        assert page.locator(".checks > li").count() > 8
        assert "Nothing is known to be wrong" not in page.get_by_role("status").inner_text()
        somebody.check()
    ada = visitor("ada")
    ada.open("/apps/my-app/timeline")
    ada.picture("timeline-app")
    ada.open("/apps/my-app/timeline/namespaces/my-app-dev")
    ada.check()
    ada.open("/apps/my-app/diagnose")
    ada.picture("diagnose-app")


def test_a_client_has_a_timeline(visitor: NewVisitor, app: App, name: str) -> None:
    manifest = SECRETS.manifest(name, app.home, stringData={"hostname": f"{name}.hcl.labrats.work"})
    manifest["metadata"]["labels"] = {names.OIDC_CLIENT_LABEL: name, names.APP_LABEL: app.name}
    app.cluster.do(lambda client: client.create(SECRETS, manifest))
    rita = visitor("rita")
    page = rita.open(f"/apps/my-app/timeline/oidc-clients/{name}")
    page.get_by_text(f"https://{name}.hcl.labrats.work/api/auth/oidc/callback").wait_for(timeout=LIVE)
    rita.picture("timeline-client")
    app.cluster.do(lambda client: client.delete(SECRETS, name, app.home))


@pytest.mark.parametrize("path", ["timeline", "timeline/secrets/x", "diagnose"])
def test_strangers_and_platform_admins_without_a_role_see_nothing(visitor: NewVisitor, path: str) -> None:
    page = visitor("olga").open(f"/apps/my-app/{path}")
    assert page.get_by_role("heading", name="No such app").is_visible()
    page = visitor("paula").open(f"/apps/my-app/{path}")
    assert page.get_by_role("heading", name="You may not do that").is_visible()
