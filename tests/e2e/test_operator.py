"""What the one who runs the platform does: look for what is wrong, hold Git against the intents, ask who changed what, scaffold, restore.

On a platform of its own with one replica of every service, so that a stopped service is a service that is gone.
"""

import csv
import io
import itertools
import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.diagnosis import Finding
from app_platform.kube import GIT_REPOSITORIES, KUSTOMIZATIONS, SECRETS, KubeClient, Object, Resource, User
from app_platform.local import Options, Platform
from app_platform.scaffold import Wanted, files, flux_manifests
from support.apps import CANARY, PATIENCE, App
from support.cli import app_platform
from support.cluster import Cluster
from support.documents import ROOT
from support.gitrepo import commit_and_push, credential, make_repository, run_git
from support.observability import exported, expressions, samples, selectors
from support.platform import PlatformFactory, eventually

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
FLUX = {"GitRepository": GIT_REPOSITORIES, "Kustomization": KUSTOMIZATIONS}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def operated(new_platform: PlatformFactory) -> Platform:
    running = new_platform(
        "operated", Options(with_caller=True, bootstrap_env={"APP_PLATFORM_STORE_BYTES": "1000000000"})
    )
    running.up()
    return running


@pytest.fixture(scope="module")
def operated_cluster(operated: Platform) -> Iterator[Cluster]:
    opened = Cluster(Path(operated.env["KUBECONFIG"]))
    yield opened
    opened.close()


@pytest.fixture
def app(operated: Platform, operated_cluster: Cluster) -> App:
    made = App(operated, operated_cluster, f"op-{next(_numbers)}")
    made.register(access=[{"group": f"{made.name}-{role}s", "role": role} for role in ("admin", "developer")])
    made.until_ready()
    return made


@pytest.fixture
def committer_stopped(operated: Platform, app: App) -> Iterator[None]:
    """What is pushed by hand stays, and nobody asks for events in its place."""
    operated.control.stop("git-committer-0")
    yield
    operated.control.start("git-committer-0")
    operated.control.wait_ready(["git-committer-0"], PATIENCE)


def command(app: App, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: app.platform.env[name]
        for name in ("KUBECONFIG", "NATS_URL", "NATS_READER_NKEY", "NATS_OPERATOR_NKEY")
    }
    done = app_platform(environment, *arguments)
    assert CANARY not in done.stdout + done.stderr
    return done


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def wrong(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Check or title to detail of what is not as it should be."""
    return {found["title"]: found["detail"] for found in records(done) if found["state"] != "ok"}


def test_where_all_is_well_doctor_says_so(app: App) -> None:
    app.create("database")
    app.settle()
    for arguments in (
        ("--app", app.name),
        ("--app", app.name, "--secret", "database"),
        ("--app", app.name, "--flux", f"Kustomization/{app.home}"),
        ("--app", app.name, "--as-group", f"{app.name}-admins"),
    ):
        done = command(app, "doctor", "--json", *arguments)
        assert (done.returncode, wrong(done)) == (0, {}), done.stderr
        assert all(set(found) == set(Finding.__dataclass_fields__) for found in records(done))


@pytest.mark.usefixtures("committer_stopped")
def test_a_service_that_is_gone_is_why_a_secret_stays_pending(app: App) -> None:
    app.create("database")
    eventually(lambda: app.status("database") == "Pending", "encrypted, and not committed", within=PATIENCE)

    def told() -> bool:
        done = command(app, "doctor", "--app", app.name, "--secret", "database", "--json")
        return "no replica of git-committer asks for events" in wrong(done).get(
            "Every service takes events", ""
        )

    eventually(told, "doctor names the service", within=PATIENCE)
    done = command(app, "doctor", "--app", app.name, "--secret", "database")
    assert done.returncode == 3
    assert "It is committed: Pending for" in done.stdout
    assert "Check operator logs for encryption or commit errors" in done.stdout
    status = json.loads(command(app, "status", "--json").stdout)
    (state,) = [each for each in status["apps"] if each["name"] == app.name]
    assert (state["pending"], state["committed"]) == (1, 0)
    (service,) = [each for each in status["services"] if each["name"] == "git-committer"]
    assert service["asking"] == 0


def test_a_dependency_that_fails_is_named(app: App) -> None:
    spec = {
        "interval": "1m",
        "path": "./",
        "prune": True,
        "serviceAccountName": "flux",
        "sourceRef": {"kind": "GitRepository", "name": "nowhere"},
    }
    manifests = [
        KUSTOMIZATIONS.manifest("first", app.home, spec=spec),
        KUSTOMIZATIONS.manifest("second", app.home, spec={**spec, "dependsOn": [{"name": "first"}]}),
    ]
    for manifest in manifests:
        create(app, KUSTOMIZATIONS, manifest)
    done = command(app, "doctor", "--app", app.name, "--flux", "kustomization/second")
    assert done.returncode == 3
    assert "it waits for 'first', which is not ready" in done.stdout
    assert "Check spec.dependsOn and ensure the dependency is healthy" in done.stdout


def test_verify_finds_what_is_right_to_be_right(app: App) -> None:
    app.create("database")
    app.settle()
    done = command(app, "verify", "--app", app.name, "--json")
    assert done.returncode == 0, done.stdout
    assert {found["title"]: found["state"] for found in records(done)} == {
        names.secret_path(namespace, "database"): "ok" for namespace in (app.dev, app.prod)
    }


def test_verify_finds_what_others_changed(app: App, operated: Platform, tmp_path: Path) -> None:
    for name in ("moved", "other", "gone"):
        app.create(name, [app.dev])
    app.settle()
    content = app.files()
    operated.control.stop("git-committer-0")
    try:
        tamper = {
            names.secret_path(app.dev, "moved"): content[names.secret_path(app.dev, "other")],
            names.secret_path(app.dev, "gone"): None,
            names.secret_path(app.dev, "stranger"): content[names.secret_path(app.dev, "other")],
        }
        commit_and_push(operated, app.home, tmp_path / "tree", tamper)
        done = command(app, "verify", "--app", app.name, "--json")
    finally:
        operated.control.start("git-committer-0")
        operated.control.wait_ready(["git-committer-0"], PATIENCE)
    assert done.returncode == 3
    assert wrong(done) == {
        names.secret_path(app.dev, "moved"): f"it is the file of Secret {app.dev}/other",
        names.secret_path(app.dev, "gone"): "the intent is committed, and this file of it is missing",
        names.secret_path(app.dev, "stranger"): f"no intent asks for stranger in {app.dev}",
    }


def test_export_tells_who_changed_which_keys_when(app: App) -> None:
    app.create("database", [app.dev])
    app.settle()
    app.patch(
        "database",
        {"metadata": {"annotations": {names.CHANGED_BY: "oidc:ada"}}, "stringData": {"token": "x"}},
    )
    eventually(
        lambda: "token" in app.annotation("database", names.SECRET_KEYS), "the new key", within=PATIENCE
    )
    eventually(lambda: app.status("database") == "Committed", "committed", within=PATIENCE)
    told = records(command(app, "export", "--app", app.name, "-o", "jsonl"))
    assert [(each["action"], each["added"], each["changed"], each["removed"]) for each in told] == [
        ("create", ["constant", "password"], [], []),
        ("update", ["token"], [], []),
    ]
    assert told[1]["by"] == "oidc:ada"
    assert told[1]["trace"]
    assert f"/{app.name}/database/" in told[1]["events"][0]
    rows = list(csv.DictReader(io.StringIO(command(app, "export", "--app", app.name).stdout)))
    assert [row["added"] for row in rows] == ["constant password", "token"]
    assert command(app, "export", "--app", app.name, "--name", "other", "-o", "jsonl").stdout == ""


def test_export_names_who_changed_each_of_many_secrets(app: App, operated: Platform) -> None:
    wanted = {f"many-{number}": f"oidc:person-{number}" for number in range(60)}
    operated.control.stop("git-committer-0")
    try:
        for name, person in wanted.items():
            app.create(name, [app.dev])
            app.patch(name, {"metadata": {"annotations": {names.CHANGED_BY: person}}})
        encrypted = partial(
            command, app, "events", "list", "--app", app.name, "--kind", "secret", "-o", "json"
        )
        eventually(
            lambda: wanted.keys() <= {each["data"]["name"] for each in records(encrypted())},
            "all are encrypted",
            within=PATIENCE,
        )
    finally:
        operated.control.start("git-committer-0")
        operated.control.wait_ready(["git-committer-0"], PATIENCE)
    app.settle()
    told = records(command(app, "export", "--app", app.name, "-o", "jsonl"))
    assert {each["secret"]: each["by"] for each in told} == wanted
    assert len({each["commit"] for each in told}) < len(wanted) / 20, "more than twenty were in one commit"


def is_told(app: App) -> bool:
    """Whether no service has anything left to write about an app: Flux follows the head, and the intents say so."""
    registration = app.registration() or {}
    notes = [metadata["annotations"].get(names.SECRET_DELIVERY, "") for metadata in app.intents().values()]
    return (
        registration["status"]["repository"]["headSha"] == app.head()
        and app.condition("SyncReady").get("status") == app.condition("Ready").get("status") == "True"
        and all(note.count('"Applied"') == 2 for note in notes)
    )


@pytest.mark.parametrize(
    "service", ["namespace-rbac", "secrets-encryptor", "git-committer", "oidc-registrar"]
)
def test_a_dry_run_says_what_a_service_would_do_and_does_nothing(app: App, service: str) -> None:
    app.create("database")
    app.settle()
    eventually(partial(is_told, app), "all that is to be said of it is said", within=PATIENCE)
    before = (app.head(), app.registration(), app.intents(), app.live(app.dev))
    done = command(app, "replay", "--dry-run", "--service", service, "--app", app.name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(f"events that {service} acts on; nothing was done")
    assert "outcome: Done" in done.stdout
    assert "internal error" not in done.stdout
    told = records(command(app, "replay", "--dry-run", "--service", service, "--app", app.name, "-o", "json"))
    assert told
    verbs = {step["verb"] for each in told for step in each["steps"]}
    assert not verbs & {"create", "delete", "commit", "report", "hold", "release", "write", "add"}, (
        "all is as it should be"
    )
    assert (app.head(), app.registration(), app.intents(), app.live(app.dev)) == before


def test_what_is_scaffolded_is_deployed_as_it_is(app: App, operated: Platform, tmp_path: Path) -> None:
    image = f"ghcr.io/labrats-work/{app.name}:1.2.3"
    done = command(app, "scaffold", "--app", app.name, "--image", image, "--to", str(tmp_path / "made"))
    assert done.returncode == 0, done.stderr
    wanted = Wanted(app.name, image)
    written = {
        str(p.relative_to(tmp_path / "made")): p.read_text()
        for p in (tmp_path / "made").rglob("*")
        if p.is_file()
    }
    assert written == files(wanted)
    repository = f"{app.name}-own"
    make_repository(operated, repository)
    commit_and_push(operated, repository, tmp_path / "tree", written)
    create(app, SECRETS, credential("deploy-key-own", app.home))
    url = f"{operated.env['GIT_URL']}/apps/{repository}.git"
    for manifest in flux_manifests(wanted, url, deploy_key="deploy-key-own"):
        create(app, FLUX[manifest["kind"]], manifest, as_role="developer")
    hosts = {app.dev: f"{app.dev}.hcl.labrats.work", app.prod: f"{app.name}.hcl.labrats.work"}
    for namespace, host in hosts.items():
        eventually(
            partial(app.find, INGRESSES, app.name, namespace), f"deployed to {namespace}", within=PATIENCE
        )
        replicas = app.find(DEPLOYMENTS, app.name, namespace)["spec"]["replicas"]
        assert replicas == (2 if namespace == app.prod else 1)
        assert app.find(INGRESSES, app.name, namespace)["spec"]["rules"][0]["host"] == host
        done = command(app, "doctor", "--app", app.name, "--flux", f"Kustomization/{namespace}")
        assert done.returncode == 0, done.stdout


def create(app: App, resource: Resource, manifest: Object, as_role: str = "") -> None:
    """Create an object, as the administrator or as somebody of a role."""
    somebody = User(f"oidc:{as_role}", (f"{app.name}-{as_role}s",))

    async def send(client: KubeClient) -> None:
        acting = client.acting_as(somebody) if as_role else client
        await acting.create(resource, manifest, metadata_only=True)

    app.cluster.do(send)


def test_git_knows_no_more_than_it_did(app: App, operated: Platform, tmp_path: Path) -> None:
    """A clone for verify or export leaves nothing behind."""
    app.create("database")
    app.settle()
    environment = {"KUBECONFIG": operated.env["KUBECONFIG"], "TMPDIR": str(tmp_path)}
    assert app_platform(environment, "verify", "--app", app.name).returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert run_git("for-each-ref", folder=app.repository).stdout.count("refs/") == 1


_GITHUB = ROOT / "services/git-committer/src/app_platform/git_committer/adapters/github"
ELSEWHERE = {
    "app_platform_budget_left": ROOT / "libs/runtime/src/app_platform/runtime/budget.py",
    "app_platform_github_requests_left": _GITHUB / "allowance.py",
}
"""What only a platform with GitHub as its forge tells, and where that is written."""


def test_services_tell_what_alerts_and_dashboard_ask_for(app: App, operated: Platform) -> None:
    """With a retry, and a batch of each kind, so that nothing is missing because it has not happened yet."""
    app.create("database")
    app.ask_for_client("login", {"scopes": "openid"})
    app.settle()
    operated.control.stop("git")
    app.update("database")
    try:
        eventually(
            lambda: "app_platform_handler_errors_total" in exported(operated),
            "a retry is told",
            within=PATIENCE,
        )
    finally:
        operated.control.start("git")
        operated.control.wait_ready(["git"], PATIENCE)
    app.settle()
    asked = [found for _, expression in expressions() for found in selectors(expression)]
    assert len(asked) > 30
    told = exported(operated)
    for name, labels in (each for each in asked if each[0] != "up"):  # which Prometheus tells itself
        if name in ELSEWHERE:
            assert (
                name.replace("_", ".").replace("app.platform", "app_platform") in ELSEWHERE[name].read_text()
            )
        else:
            assert name in told, f"no service tells {name}"
            # Prometheus itself puts job and instance on what it scrapes.
            assert labels <= told[name] | {"job", "instance"}, f"{name} has no label {labels - told[name]}"


def test_metrics_count_what_is_there(app: App, operated: Platform) -> None:
    app.create("database")
    app.create_raw("refused", "elsewhere", {"a": "b"})
    eventually(lambda: app.status("refused") == "Failed", "refused", within=PATIENCE)

    def counted(metric: str, **labels: str) -> float:
        return sum(value for found, value in samples(operated, metric) if labels.items() <= found.items())

    eventually(lambda: counted("app_platform_intents", status="Failed") >= 1, "a Failed intent is counted")
    eventually(
        lambda: counted("app_platform_registrations", condition="Ready", status="True") >= 1,
        "a Ready app is counted",
    )
    eventually(lambda: counted("app_platform_commits_total") >= 1, "a commit is counted")
    operated.control.stop("git-committer-0")
    try:
        app.update("database")
        waiting = partial(counted, "app_platform_intents_oldest_pending_seconds")
        eventually(lambda: waiting() > 2, "the pending intent's age grows", within=PATIENCE)
    finally:
        operated.control.start("git-committer-0")
        operated.control.wait_ready(["git-committer-0"], PATIENCE)
    eventually(
        lambda: counted("app_platform_intents", status="Pending") == 0, "nothing is pending", within=PATIENCE
    )
    eventually(lambda: counted("app_platform_intents_oldest_pending_seconds") == 0, "and nothing waits")


def test_a_change_is_one_trace_from_the_click_to_the_commit(app: App) -> None:
    """With the trace noted as the dashboard notes it; and a later change by other means is not part of it."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    app.create("database", [app.dev])
    app.settle()
    note = {"annotations": {names.TRACEPARENT: f"00-{trace}-00f067aa0ba902b7-01"}}
    app.patch("database", {"metadata": note, "stringData": {"token": "x"}})
    eventually(
        lambda: f"Trace: {trace}" in app.git("log", "-1", names.BRANCH),
        "the commit names it",
        within=PATIENCE,
    )

    def told() -> set[tuple[str, str]]:
        events = records(command(app, "events", "list", "--app", app.name, "-o", "json"))
        return {(each["kind"], each["verb"]) for each in events if each["traceId"] == trace}

    wanted = {("secret-intent", "changed"), ("secret", "encrypted"), ("commit", "pushed")}
    eventually(lambda: wanted <= told(), "each stage is part of it", within=PATIENCE)
    eventually(lambda: app.status("database") == "Committed", "committed", within=PATIENCE)
    head = app.head()
    app.patch("database", {"stringData": {"token": "y"}})
    eventually(lambda: app.head() != head, "another commit", within=PATIENCE)
    assert f"Trace: {trace}" not in app.git("log", "-1", names.BRANCH)
