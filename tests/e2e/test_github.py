"""The whole platform with GitHub as its forge: the emulated API, and Flux fetching over real SSH with the deploy key it was given."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app_platform.contracts import Stage, names, read_deliveries
from app_platform.dashboard import deploy_keys
from app_platform.dashboard.flux import changing
from app_platform.dashboard.flux.entries import SourceEntry
from app_platform.kube import GIT_REPOSITORIES, SECRETS, KubeClient
from app_platform.local import SERVICES, Options, Platform
from support.apps import PATIENCE, App, condition
from support.cluster import Cluster
from support.github.running import GitHub, running_github
from support.github.server import ORGANIZATION, TOKEN, Repo
from support.observability import samples
from support.platform import PlatformFactory, eventually

SETTINGS = "APP_PLATFORM_GITHUB_"
COMMITTER = "git-committer-0"


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    with running_github(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture(scope="module")
def platform_on_github(
    github: GitHub, new_platform: PlatformFactory, tmp_path_factory: pytest.TempPathFactory
) -> Platform:
    known_hosts = tmp_path_factory.mktemp("hosts") / "known_hosts"
    known_hosts.write_text(github.ssh.known_hosts)
    env = {
        "APP_PLATFORM_FORGE": "github",
        f"{SETTINGS}ORGANIZATION": ORGANIZATION,
        f"{SETTINGS}API_URL": github.api.url,
        f"{SETTINGS}TOKEN": TOKEN,
        f"{SETTINGS}KNOWN_HOSTS_FILE": str(known_hosts),
    }
    services = tuple(replace(each, env=env) if each.forge else each for each in SERVICES)
    running = new_platform("github", Options(services=services, with_caller=True))
    running.up()
    return running


class GitHubApp(App):
    """An app whose platform repository is on GitHub."""

    def __init__(self, github: GitHub, platform: Platform, cluster: Cluster, name: str) -> None:
        super().__init__(platform, cluster, name)
        self.github = github

    @property
    def on_github(self) -> Repo:
        """Its repository as GitHub has it."""
        return self.github.api.repo(self.home)

    @property
    def repository(self) -> Path:
        return self.on_github.bare.path


@pytest.fixture(scope="module")
def cluster(platform_on_github: Platform) -> Iterator[Cluster]:
    opened = Cluster(Path(platform_on_github.env["KUBECONFIG"]))
    yield opened
    opened.close()


@pytest.fixture
def app(
    github: GitHub, platform_on_github: Platform, cluster: Cluster, request: pytest.FixtureRequest
) -> GitHubApp:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    made = GitHubApp(github, platform_on_github, cluster, name)
    made.register()
    made.until_ready()
    return made


def test_a_secret_becomes_live_through_a_private_repository(app: GitHubApp) -> None:
    repo = app.on_github
    (key,) = repo.keys
    assert repo.visibility == "private"
    assert key["read_only"]
    url = (app.registration() or {})["status"]["repository"]["url"]
    assert url == f"{app.github.ssh.url}/{ORGANIZATION}/{app.home}.git"
    app.create("database")
    app.create("mail", [app.prod])
    app.settle()
    app.update("database")
    app.delete("mail")
    app.settle()
    app.check_history()


def test_what_github_and_our_own_budget_still_allow_is_told(app: GitHubApp) -> None:
    app.create("database")
    app.settle()
    told = samples(app.platform, "app_platform_budget_left")
    found = {(labels["budget"], labels["window"]): value for labels, value in told}
    assert found.keys() == {("writes", "60s"), ("writes", "3600s"), ("points", "60s")}
    assert 0 < found["writes", "3600s"] < 500
    ((_, left),) = samples(app.platform, "app_platform_github_requests_left")
    assert left > 0


def test_the_key_of_one_repository_opens_no_other(app: GitHubApp) -> None:
    other = GitHubApp(app.github, app.platform, app.cluster, f"{app.name}-2")
    other.register()
    other.until_ready()
    app.platform.control.stop(COMMITTER)  # which would put the managed object right
    try:
        change(app, url=f"{app.github.ssh.url}/{ORGANIZATION}/{other.home}.git")
        eventually(lambda: "Repository not found" in fetch_message(app), "refused by GitHub")
    finally:
        app.platform.control.start(COMMITTER)
    change(app, url=(app.registration() or {})["status"]["repository"]["url"])
    app.until_ready()


def test_a_deploy_key_that_was_removed_is_put_back(app: GitHubApp) -> None:
    app.on_github.keys.clear()
    app.create("database")
    eventually(
        lambda: "does not accept the credential" in fetch_message(app), "told by Flux", within=PATIENCE
    )
    eventually(lambda: stage(app, "database") == Stage.FETCH, "told on the secret", within=PATIENCE)
    app.register(access=[{"group": "a", "role": "reader"}])
    app.settle()
    assert [key["read_only"] for key in app.on_github.keys] == [True]


def test_a_host_with_another_key_is_not_believed(app: GitHubApp) -> None:
    unknown = f"{app.github.ssh.known_hosts.rpartition(' ')[0]} {OTHER_HOST_KEY}\n"
    patch = {"stringData": {"known_hosts": unknown}}
    app.cluster.do(lambda client: client.merge_patch(SECRETS, names.GIT_CREDENTIAL_SECRET, app.home, patch))
    app.refetch()
    eventually(lambda: "host key is not in known_hosts" in fetch_message(app), "refused by Flux")
    eventually(lambda: app.condition("SyncReady").get("status") == "False", "told on the registration")
    app.register(access=[{"group": "a", "role": "reader"}])
    app.refetch()
    app.until_ready()


def test_while_github_is_away_nothing_is_lost(app: GitHubApp) -> None:
    app.github.api.faults.away = True
    app.create("database")
    eventually(lambda: app.status("database") == "Pending", "pending")
    app.github.api.faults.away = False
    app.settle()


def test_a_deploy_key_is_added_and_taken_off(app: GitHubApp) -> None:
    repo = app.github.api.add(f"{app.name}-web")
    app.github.api.push(repo, {"k8s/a.yaml": "# nothing yet"})
    make_source(app, f"{app.github.ssh.url}/{ORGANIZATION}/{repo.name}.git")
    eventually(
        lambda: f"the topic app-platform-{app.name}" in key_status(app), "what to do is said", within=PATIENCE
    )
    assert repo.keys == []
    repo.topics.append(f"app-platform-{app.name}")
    app.cluster.do(lambda client: changing.reconcile(client, GIT_REPOSITORIES, (app.home, "web")))
    eventually(lambda: key_status(app) == "Added", "added", within=PATIENCE)
    assert [key["read_only"] for key in repo.keys] == [True]
    eventually(
        lambda: condition(app.find(GIT_REPOSITORIES, "web", app.home), "Ready").get("status") == "True",
        "fetched with it",
        within=PATIENCE,
    )
    app.cluster.do(lambda client: client.delete(GIT_REPOSITORIES, "web", app.home))
    eventually(lambda: app.find(GIT_REPOSITORIES, "web", app.home) is None, "gone", within=PATIENCE)
    assert repo.keys == []


def make_source(app: GitHubApp, url: str) -> None:
    """A GitRepository of the app's own, with its key, as the dashboard makes them."""
    entry = SourceEntry("web", url, "main", "1m", app.github.ssh.known_hosts)

    async def make(client: KubeClient) -> None:
        made = await changing.create(client, GIT_REPOSITORIES, (app.home, "web"), entry.spec())
        await deploy_keys.make(client, made, app.github.ssh.known_hosts, "test")
        await changing.reconcile(client, GIT_REPOSITORIES, (app.home, "web"))

    app.cluster.do(make)


def key_status(app: App) -> str:
    """What is said of the key of the app's own GitRepository."""
    found = app.find(GIT_REPOSITORIES, "web", app.home)
    return str((found["metadata"].get("annotations") or {}).get(names.DEPLOY_KEY_STATUS, ""))


OTHER_HOST_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
"""Of no server here."""


def change(app: App, **spec: Any) -> None:
    """Change the managed GitRepository by hand."""
    app.cluster.do(lambda client: client.merge_patch(GIT_REPOSITORIES, app.home, app.home, {"spec": spec}))


def fetch_message(app: App) -> str:
    """What Flux says of its last fetch."""
    return str(condition(app.find(GIT_REPOSITORIES, app.home, app.home), "Ready").get("message"))


def stage(app: App, name: str) -> Stage | None:
    """How far a secret is in the app's dev namespace."""
    said = read_deliveries(app.annotation(name, names.SECRET_DELIVERY)).get(app.dev)
    return said.stage if said else None
