"""The guide's "Setting Up Flux Sync via the Dashboard" and "Deploying Changes" in the browser, with an app repository over SSH."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page

from app_platform.contracts import names
from app_platform.dashboard.flux.sources import key_name
from app_platform.kube import CONFIG_MAPS, GIT_REPOSITORIES, KUSTOMIZATIONS, SECRETS
from support.browser import NewVisitor, Visitor
from support.dashboard import Dashboard
from support.platform import eventually
from support.ssh_git import Forge

HOME, PROD = "my-app-platform", "my-app-prod"
SOURCES, SYNCS = "/apps/my-app/git-repositories", "/apps/my-app/kustomizations"


@pytest.fixture
def name() -> str:
    """A name for what this test makes."""
    return f"f{uuid4().hex[:8]}"


def manifest(name: str, color: str, kind: str = "ConfigMap") -> str:
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\ndata: {{color: {color}}}\n"


def repository(forge: Forge, name: str) -> str:
    """An app repository as the guide shows it; returns its SSH URL."""
    url = forge.make(f"apps.{name}")
    base = f"resources: [{name}.yaml]\n"
    overlay = "resources: [../../base]\n"
    files: dict[str, str | None] = {
        "k8s/base/kustomization.yaml": base,
        f"k8s/base/{name}.yaml": manifest(name, "blue"),
        "k8s/overlays/production/kustomization.yaml": overlay,
        "infra/infra.yaml": manifest(f"{name}-infra", "grey"),
    }
    forge.push(f"apps.{name}", files)
    return url


def create_source(somebody: Visitor, forge: Forge, name: str, url: str, interval: str = "2s") -> Page:
    """Fill in the form, send it, and add the deploy key."""
    page = somebody.open(f"{SOURCES}/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("SSH URL").fill(url)
    page.get_by_label("Interval").fill(interval)
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(f"**{SOURCES}/{name}")
    forge.add_key(f"apps.{name}", page.inner_text("#public-key"))
    return page


def create_sync(
    somebody: Visitor, name: str, source: str, path: str, target: str = PROD, depends: tuple[str, ...] = ()
) -> Page:
    """Fill in the form and send it."""
    page = somebody.open(f"{SYNCS}/new?source={source}")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Path").fill(path)
    page.get_by_label("Target namespace").select_option(target)
    for other in depends:
        page.get_by_label(other, exact=True).check()
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(f"**{SYNCS}/{name}")
    return page


def state(page: Page, text: str) -> None:
    """Wait for the state beside the heading, which comes without loading the page again."""
    page.locator("[data-part=head] .badge", has_text=text).wait_for(timeout=60_000)


def color(dashboard: Dashboard, name: str) -> str:
    """What is deployed."""
    found = dashboard.app().find(CONFIG_MAPS, name, PROD)
    return str(found["data"]["color"]) if found else ""


def test_a_developer_sets_up_flux_sync_and_deploys_by_pushing(
    visitor: NewVisitor, forge: Forge, name: str
) -> None:
    dev = visitor("dev")
    # By another name than the platform knows the server by.
    url = repository(forge, name).replace("127.0.0.1", "localhost")
    page = dev.open(f"{SOURCES}/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("SSH URL").fill(url)
    page.get_by_role("button", name="Create", exact=True).click()
    assert "The platform does not know localhost" in page.get_by_role("alert").inner_text()
    dev.picture("git-repository-create")
    page.get_by_label("known_hosts").fill(forge.known_hosts("localhost"))
    page.get_by_label("Interval").fill("2s")
    page.get_by_role("button", name="Create", exact=True).click()
    assert "Add its deploy key" in page.get_by_role("status").inner_text()
    page.locator("[data-part=findings]").get_by_text("the server does not accept the credential").wait_for()
    state(page, "Failed")
    dev.picture("git-repository-new")
    forge.add_key(f"apps.{name}", page.inner_text("#public-key"))
    page.get_by_role("button", name="Reconcile now").click()
    state(page, "Ready")
    page.locator("[data-part=events]").get_by_text("NewArtifact").wait_for()
    dev.picture("git-repository")

    page.get_by_role("link", name="Create a Kustomization").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Path").fill("k8s/overlays/production")
    page.get_by_label("Target namespace").select_option(PROD)
    dev.picture("kustomization-create")
    page.get_by_role("button", name="Create", exact=True).click()
    state(page, "Ready")
    page.get_by_role("row", name=re.compile("ConfigMap")).get_by_text(name).wait_for()
    assert color(dev.dashboard, name) == "blue"

    # A push is all it takes.
    commit = forge.push(f"apps.{name}", {f"k8s/base/{name}.yaml": manifest(name, "green")})
    page.locator("[data-part=now] code", has_text=commit[:8]).wait_for(timeout=60_000)
    eventually(lambda: color(dev.dashboard, name) == "green", "the push is deployed")
    dev.picture("kustomization")

    # A mistake is told with what to do; what runs goes on running.
    forge.push(f"apps.{name}", {f"k8s/base/{name}.yaml": manifest(name, "red", kind="Nonsense")})
    state(page, "Failed")
    text = page.inner_text("main")
    assert 'no matches for kind "Nonsense"' in text
    assert "Change the manifest that the message names" in text
    assert color(dev.dashboard, name) == "green"
    dev.picture("kustomization-failed")
    forge.push(f"apps.{name}", {f"k8s/base/{name}.yaml": manifest(name, "red")})
    state(page, "Ready")
    assert color(dev.dashboard, name) == "red"


def test_a_deploy_key_is_for_one_repository_and_its_private_half_is_never_seen(
    visitor: NewVisitor, dashboard: Dashboard, name: str
) -> None:
    ada, app = visitor("ada"), dashboard.app()
    page = ada.open(f"{SOURCES}/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("SSH URL").fill("git@github.com:acme/shop.git")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("link", name="Deploy keys on GitHub").wait_for()
    kept = app.find(SECRETS, key_name(name), HOME)
    public = page.inner_text("#public-key")
    assert kept["metadata"]["annotations"][names.PUBLIC_KEY] == public
    assert app.find(GIT_REPOSITORIES, name, HOME)["spec"]["url"] == "ssh://git@github.com/acme/shop.git"

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Branch").fill("next")
    page.get_by_role("button", name="Save").click()
    assert page.inner_text("#public-key") == public
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("SSH URL").fill("git@github.com:acme/other.git")
    page.get_by_role("button", name="Save").click()
    moved = page.inner_text("#public-key")
    page.get_by_role("link", name="Make another key").click()
    ada.picture("deploy-key")
    page.get_by_role("button", name="Make the key").click()
    assert len({public, moved, page.inner_text("#public-key")}) == 3
    assert "PRIVATE" not in page.content()
    for log in dashboard.platform.state.logs.iterdir():
        assert b"OPENSSH PRIVATE" not in log.read_bytes()

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("SSH URL").fill("https://github.com/acme/other")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_role("heading", name="Deploy key").count() == 0
    assert app.find(SECRETS, key_name(name), HOME) is None
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("SSH URL").fill("git@github.com:acme/other.git")
    page.get_by_role("button", name="Save").click()
    page.locator("#public-key").wait_for()

    page.get_by_role("link", name="Delete").click()
    ada.picture("git-repository-delete")
    page.get_by_role("button", name=f"Delete {name}").click()
    assert f"{name} is deleted" in page.get_by_role("status").inner_text()
    assert app.find(SECRETS, key_name(name), HOME) is None
    ada.check()


def test_what_became_of_its_deploy_key_at_the_forge_is_shown(
    visitor: NewVisitor, dashboard: Dashboard, forge: Forge, name: str
) -> None:
    """As git-committer says it on GitHub; tests/e2e/test_github.py has it say so."""
    ada, app = visitor("ada"), dashboard.app()
    url = repository(forge, name)
    page = ada.open(f"{SOURCES}/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("SSH URL").fill(url)
    page.get_by_label("Interval").fill("2s")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(f"**{SOURCES}/{name}")

    def say(status: str) -> None:
        change = {"metadata": {"annotations": {names.DEPLOY_KEY_STATUS: status}}}
        app.cluster.do(lambda client: client.merge_patch(GIT_REPOSITORIES, name, HOME, change))

    say(
        "give acme/shop the topic app-platform-my-app on GitHub and press Reconcile now; or add the key by hand"
    )
    page.get_by_text("The platform did not add it by itself: give acme/shop the topic").wait_for()
    ada.picture("deploy-key-asked")
    forge.add_key(f"apps.{name}", page.inner_text("#public-key"))
    say("Added")
    state(page, "Ready")
    page.get_by_text("The platform has added it to the repository").wait_for()
    ada.picture("deploy-key-added")
    page.get_by_role("link", name="Delete").click()
    assert "The deploy key, in the cluster and on the repository." in page.inner_text("main")
    page.get_by_role("button", name=f"Delete {name}").click()
    assert "Take its deploy key off" not in page.get_by_role("status").inner_text()


def test_what_waits_says_for_which_one_and_why(visitor: NewVisitor, forge: Forge, name: str) -> None:
    dev = visitor("dev")
    page = create_source(dev, forge, name, repository(forge, name))
    page.get_by_role("button", name="Reconcile now").click()
    state(page, "Ready")
    infra, late = f"{name}-infra", f"{name}-late"
    create_sync(dev, infra, name, "nowhere")
    create_sync(dev, name, name, "k8s/overlays/production", depends=(infra, HOME))
    page = create_sync(dev, late, name, "infra", depends=(name,))
    state(page, "Waiting")
    page = dev.open(f"{SYNCS}/{name}")
    state(page, "Waiting")
    advice = page.locator("[data-part=findings]").inner_text()
    assert f"It waits for '{infra}', which is not ready: ArtifactFailed" in advice
    assert "ensure the dependency is healthy" in advice
    dev.picture("kustomization-waiting")
    page.get_by_role("link", name="All checks").click()
    assert f"waits for '{infra}'" in page.inner_text("main")
    page = dev.open(SYNCS)
    assert page.locator("svg a.box", has_text=late).is_visible()
    dev.picture("kustomizations")

    page = dev.open(f"{SYNCS}/{infra}/edit")
    page.get_by_label(late, exact=True).check()
    page.get_by_role("button", name="Save").click()
    assert f"It would wait for itself: {infra} → {late} → {name} → {infra}." in page.inner_text("main")
    dev.picture("kustomization-circle")
    page.get_by_label(late, exact=True).uncheck()
    page.get_by_label("Path").fill("infra")
    page.get_by_role("button", name="Save").click()
    state(page, "Ready")
    page = dev.open(f"{SYNCS}/{late}")
    state(page, "Ready")
    dev.check()


@pytest.mark.parametrize("keep", [True, False])
def test_deleting_a_kustomization_keeps_what_runs_unless_told_otherwise(
    visitor: NewVisitor, forge: Forge, name: str, *, keep: bool
) -> None:
    ada = visitor("ada")
    create_source(ada, forge, name, repository(forge, name))
    page = create_sync(ada, name, name, "k8s/overlays/production")
    state(page, "Ready")
    page.get_by_role("link", name="Delete").click()
    ada.picture("kustomization-delete")
    if not keep:
        page.get_by_label("Is removed from the cluster").check()
    page.get_by_role("button", name=f"Delete {name}").click()
    app = ada.dashboard.app()
    eventually(lambda: app.find(KUSTOMIZATIONS, name, HOME) is None, "it is gone", within=60)
    assert bool(color(ada.dashboard, name)) is keep


def test_suspending_holds_a_push_back_until_resumed(visitor: NewVisitor, forge: Forge, name: str) -> None:
    dev = visitor("dev", scripts=False)
    create_source(dev, forge, name, repository(forge, name))
    page = create_sync(dev, name, name, "k8s/overlays/production")
    eventually(lambda: color(dev.dashboard, name) == "blue", "it is deployed", within=60)
    page.get_by_role("button", name="Suspend").click()
    assert page.locator(".badge", has_text="Suspended").is_visible()
    commit = forge.push(f"apps.{name}", {f"k8s/base/{name}.yaml": manifest(name, "green")})
    app = dev.dashboard.app()

    def fetched() -> str:
        return str(app.find(GIT_REPOSITORIES, name, HOME)["status"]["artifact"]["revision"])

    eventually(lambda: commit in fetched(), "the push is fetched")
    assert color(dev.dashboard, name) == "blue"
    dev.page.get_by_role("button", name="Resume").click()
    eventually(lambda: color(dev.dashboard, name) == "green", "the push is deployed", within=60)


def test_an_edit_that_somebody_overtook_is_not_made_unseen(
    visitor: NewVisitor, dashboard: Dashboard, name: str
) -> None:
    ada, dev = visitor("ada"), visitor("dev")
    page = ada.open(f"{SOURCES}/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("SSH URL").fill("https://github.com/acme/shop")
    page.get_by_role("button", name="Create", exact=True).click()
    theirs = dev.open(f"{SOURCES}/{name}/edit")
    mine = ada.open(f"{SOURCES}/{name}/edit")
    theirs.get_by_label("Branch").fill("theirs")
    theirs.get_by_role("button", name="Save").click()
    mine.get_by_label("Branch").fill("mine")
    mine.get_by_role("button", name="Save").click()
    assert "Somebody changed it while this form was open" in mine.get_by_role("alert").inner_text()
    assert dashboard.app().find(GIT_REPOSITORIES, name, HOME)["spec"]["ref"]["branch"] == "theirs"
    mine.get_by_role("button", name="Save").click()
    mine.wait_for_url(f"**{SOURCES}/{name}")
    assert dashboard.app().find(GIT_REPOSITORIES, name, HOME)["spec"]["ref"]["branch"] == "mine"


def test_get_started_leads_to_forms_that_are_filled_in(visitor: NewVisitor) -> None:
    ada = visitor("ada")
    start = "/apps/my-app/start?repository=git@github.com:acme/my-app.git"
    page = ada.open(start)
    page.get_by_role("link", name="create a Git repository").click()
    assert page.get_by_label("Name", exact=True).input_value() == "my-app"
    assert page.get_by_label("SSH URL").input_value() == "git@github.com:acme/my-app.git"
    page = ada.open(start)
    page.locator("main").get_by_role("link", name=PROD, exact=True).click()
    assert page.get_by_label("Name", exact=True).input_value() == PROD
    assert page.get_by_label("Path").input_value() == "k8s/overlays/production"
    assert page.get_by_label("Target namespace").input_value() == PROD
    assert page.get_by_label("Source").input_value() == "my-app"
    page.get_by_label("Interval").fill("often")
    page.get_by_role("button", name="Create", exact=True).click()
    assert page.locator("#interval-fault").is_visible()


def test_a_button_that_came_too_late_is_offered_again(visitor: NewVisitor, name: str) -> None:
    # With scripts, the page itself notices that the session has ended.
    dev = visitor("dev", scripts=False)
    page = dev.open(f"{SOURCES}/new?name={name}&url=https://github.com/acme/shop")
    page.get_by_role("button", name="Create", exact=True).click()
    dev.page.context.clear_cookies()
    page.get_by_role("button", name="Suspend").click()
    dev.sign_in("dev")
    assert "nothing was done yet" in page.get_by_role("status").inner_text()
    assert dev.path() == f"{SOURCES}/{name}"
    page.get_by_role("button", name="Suspend").click()
    assert page.locator(".badge", has_text="Suspended").is_visible()


def test_what_the_platform_manages_is_marked_and_cannot_be_changed(visitor: NewVisitor) -> None:
    ada = visitor("ada")
    for section, picture in ((SOURCES, "git-repositories"), (SYNCS, "kustomization-managed")):
        page = ada.open(section)
        if section == SOURCES:
            ada.picture(picture)
        row = page.get_by_role("row", name=re.compile(HOME)).first
        assert row.locator(".badge.managed").is_visible()
        page = ada.open(f"{section}/{HOME}")
        state(page, "Ready")
        assert page.get_by_role("button", name="Suspend").count() == 0
        assert page.get_by_role("link", name="Delete").count() == 0
        for rest in ("edit", "delete", *(("key",) if section == SOURCES else ())):
            ada.open(f"{section}/{HOME}/{rest}")
            assert ada.path() == f"{section}/{HOME}"
        if section == SYNCS:
            ada.picture(picture)


def test_what_the_platform_manages_cannot_be_changed_by_a_made_up_request(
    visitor: NewVisitor, dashboard: Dashboard
) -> None:
    ada = visitor("ada")
    token = ada.open(SOURCES).locator("input[name=csrf]").first.get_attribute("value") or ""

    def post(path: str) -> int:
        headers = {"Origin": dashboard.url}
        return ada.page.request.post(dashboard.url + path, form={"csrf": token}, headers=headers).status

    app = dashboard.app()
    for section, resource in ((SOURCES, GIT_REPOSITORIES), (SYNCS, KUSTOMIZATIONS)):
        before = app.find(resource, HOME, HOME)["spec"]
        for what in ("suspend", "reconcile", "delete"):
            assert post(f"{section}/{HOME}/{what}") in (403, 409)
        after = app.find(resource, HOME, HOME)
        assert after["spec"] == before
        assert "deletionTimestamp" not in after["metadata"]
    assert post(f"{SOURCES}/{HOME}/key") == 200
    assert app.find(SECRETS, key_name(HOME), HOME) is None


def test_a_reader_sees_all_and_changes_nothing(visitor: NewVisitor) -> None:
    rita = visitor("rita")
    for section in (SOURCES, SYNCS):
        page = rita.open(section)
        assert page.get_by_text(HOME).first.is_visible()
        assert page.get_by_role("link", name="Create").count() == 0
        rita.check()
        page = rita.open(f"{section}/{HOME}")
        assert page.get_by_role("heading", name="Conditions").is_visible()
    page = rita.open(f"{SOURCES}/new")
    page.get_by_label("Name", exact=True).fill("forbidden")
    page.get_by_label("SSH URL").fill("git@github.com:acme/shop.git")
    page.get_by_role("button", name="Create", exact=True).click()
    assert "You may not create Git repositories here" in page.get_by_role("alert").inner_text()
    assert rita.dashboard.app().find(SECRETS, key_name("forbidden"), HOME) is None


@pytest.mark.parametrize("name", ["olga", "sam"])
def test_others_do_not_see_that_there_is_anything(visitor: NewVisitor, name: str) -> None:
    somebody = visitor(name)
    for path in (SOURCES, SYNCS, f"{SOURCES}/{HOME}", f"{SYNCS}/{HOME}"):
        assert somebody.open(path).get_by_role("heading", name="No such app").is_visible()


def test_a_platform_admin_without_a_role_in_the_app_is_told_so(visitor: NewVisitor) -> None:
    paula = visitor("paula")
    for path, thing in ((SOURCES, "Git repositories"), (SYNCS, "kustomizations")):
        assert f"You may not see {thing} here" in paula.open(path).inner_text("main")
        paula.check()


def test_what_a_policy_refuses_stands_at_its_field(visitor: NewVisitor) -> None:
    dev = visitor("dev")
    page = dev.open(f"{SOURCES}/new")
    page.get_by_label("Name", exact=True).fill(HOME)
    page.get_by_label("SSH URL").fill("git@github.com:acme/shop.git")
    page.get_by_role("button", name="Create", exact=True).click()
    assert "Choose another name" in page.locator("#name-fault").inner_text()
    assert page.get_by_label("SSH URL").input_value() == "ssh://git@github.com/acme/shop.git"
    dev.check()


def test_markup_in_what_others_wrote_is_only_text(
    visitor: NewVisitor, dashboard: Dashboard, name: str
) -> None:
    evil = "<img/src=x/onerror=alert(1)>"
    spec = {
        "url": f"https://github.com/{evil}",
        "interval": "1h",
        "ref": {"branch": evil},
        "suspend": True,
    }
    sync = {
        "interval": "1h",
        "prune": True,
        "path": f"./{evil}",
        "suspend": True,
        "serviceAccountName": "flux",
        "sourceRef": {"kind": "GitRepository", "name": name},
        "dependsOn": [{"name": evil}],
    }
    source_made = GIT_REPOSITORIES.manifest(name, HOME, spec=spec)
    sync_made = KUSTOMIZATIONS.manifest(name, HOME, spec=sync)
    dashboard.cluster.do(lambda kube: kube.create(GIT_REPOSITORIES, source_made))
    dashboard.cluster.do(lambda kube: kube.create(KUSTOMIZATIONS, sync_made))
    dev = visitor("dev")
    for path in (SOURCES, f"{SOURCES}/{name}", f"{SOURCES}/{name}/edit", SYNCS, f"{SYNCS}/{name}"):
        page = dev.open(path)
        assert page.locator("img[src=x]").count() == 0
        dev.check()
    page = dev.open(f"{SYNCS}/{name}/edit")
    assert page.get_by_label("Path").input_value() == evil
