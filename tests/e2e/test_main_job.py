"""What the platform is for, on two replicas of every service: registrations served, secrets delivered and taken back."""

import base64
import io
import subprocess
from pathlib import Path

import yaml

from app_platform.contracts import names
from app_platform.kube import (
    CONFIG_MAPS,
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    SECRETS,
    SERVICE_ACCOUNTS,
    Selector,
)
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import Platform
from app_platform.local.demo import Report, demonstrate
from support.apps import CANARY, PATIENCE, App, condition
from support.cluster import Cluster
from support.gitrepo import run_git
from support.leaks import leaks
from support.platform import eventually

PARTS = ("NamespacesReady", "EncryptionKeyReady", "RepositoryReady", "SyncReady", "Ready")
ACCESS = [
    {"group": "Team A", "role": "admin"},
    {"group": "team-b", "role": "developer"},
    {"group": "all", "role": "reader"},
]
MANAGED = Selector(labels=f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}")


def groups(app: App, namespace: str) -> dict[str, str]:
    """The role of each group bound by us in a namespace."""
    bindings = app.cluster.do(lambda client: client.list(ROLE_BINDINGS, namespace, MANAGED))
    return {
        subject["name"]: binding["roleRef"]["name"]
        for binding in bindings
        for subject in binding["subjects"]
        if subject["kind"] == "Group"
    }


def credential(app: App) -> tuple[str, str]:
    """What the app's Flux signs in to the Git server with."""
    data = app.find(SECRETS, names.GIT_CREDENTIAL_SECRET, app.home)["data"]
    return base64.b64decode(data["username"]).decode(), base64.b64decode(data["password"]).decode()


def url(app: App) -> str:
    return str((app.registration() or {})["status"]["repository"]["url"])


def test_every_condition_becomes_true(app: App) -> None:
    assert {kind: app.condition(kind).get("status") for kind in PARTS} == dict.fromkeys(PARTS, "True")


def test_namespaces_are_made_with_their_labels(app: App) -> None:
    roles = {app.home: names.ROLE_PLATFORM, app.dev: names.ROLE_APP, app.prod: names.ROLE_APP}
    for namespace, role in roles.items():
        labels = app.find(NAMESPACES, namespace)["metadata"]["labels"]
        wanted = {
            names.APP_LABEL: app.name,
            names.NAMESPACE_ROLE_LABEL: role,
            names.MANAGED_BY_LABEL: names.MANAGED_BY,
        }
        assert wanted.items() <= labels.items()


def test_access_becomes_bindings_in_the_apps_namespaces(app: App) -> None:
    app.register(access=ACCESS)
    wanted = {each["group"]: f"app-platform-{each['role']}" for each in ACCESS}
    for namespace in (app.dev, app.prod):
        eventually(lambda where=namespace: groups(app, where) == wanted, f"bindings in {namespace}")  # type: ignore[misc] # mypy cannot infer a lambda's default
    at_home = {each["group"]: f"app-platform-home-{each['role']}" for each in ACCESS}
    eventually(lambda: groups(app, app.home) == at_home, "bindings in the platform namespace")
    app.register(access=ACCESS[:1])
    eventually(lambda: groups(app, app.dev) == {"Team A": "app-platform-admin"}, "bindings follow")


def test_the_platform_namespace_holds_key_credential_and_flux(app: App) -> None:
    for resource, name in (
        (SECRETS, names.AGE_KEY_SECRET),
        (SECRETS, names.GIT_CREDENTIAL_SECRET),
        (SERVICE_ACCOUNTS, names.FLUX_SERVICE_ACCOUNT),
        (ROLE_BINDINGS, names.SECRET_READER),
        (GIT_REPOSITORIES, app.home),
    ):
        assert app.find(resource, name, app.home), f"{resource.kind} {name}"
    sync = app.find(KUSTOMIZATIONS, app.home, app.home)
    assert condition(sync, "Ready")["status"] == "True"
    assert sync["spec"]["serviceAccountName"] == names.FLUX_SERVICE_ACCOUNT


def test_the_repository_says_how_to_use_it(app: App) -> None:
    rules = yaml.safe_load(app.content("main", ".sops.yaml"))["creation_rules"]
    assert rules[0]["age"] == (app.registration() or {})["status"]["recipient"]
    readme = app.content("main", "README.md")
    assert app.home in readme
    assert app.dev in readme


def test_the_repository_is_private_and_the_apps_credential_reads_only(
    app: App, other: App, tmp_path: Path
) -> None:
    assert run_git("ls-remote", url(app), folder=tmp_path).returncode != 0
    assert run_git("ls-remote", url(app), folder=tmp_path, user=credential(other)).returncode != 0
    tree = tmp_path / "tree"
    assert run_git("clone", url(app), str(tree), folder=tmp_path, user=credential(app)).returncode == 0
    assert run_git("commit", "--allow-empty", "-m", "mine", folder=tree).returncode == 0
    assert run_git("push", "origin", "main", folder=tree, user=credential(app)).returncode != 0


def test_a_secret_is_delivered_to_its_targets(app: App) -> None:
    app.create("database")
    app.settle()
    assert app.annotation("database", names.SECRET_KEYS) == "constant,password"
    assert app.annotation("database", names.SECRET_COMMIT) == app.head()


def test_sops_decrypts_what_is_in_git_with_the_apps_key_and_no_other(
    app: App, other: App, sops_binary: Path, tmp_path: Path
) -> None:
    app.create("database")
    app.settle()
    for path, text in app.files().items():
        file = tmp_path / "file.yaml"
        file.write_text(text)
        extract = ["decrypt", "--extract", '["data"]["password"]', str(file)]
        mine = sops(sops_binary, app.age_key(), extract)
        assert app.decrypt(text, app.age_key())["password"].startswith(CANARY), path
        assert mine.returncode == 0, mine.stderr
        assert sops(sops_binary, other.age_key(), extract).returncode != 0


def sops(program: Path, key: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *arguments], env={"SOPS_AGE_KEY": key}, capture_output=True, text=True, check=False
    )


def test_an_update_changes_only_the_lines_of_what_changed(app: App) -> None:
    app.create("database", more=f"{CANARY}-more")
    app.settle()
    before, files = app.head(), app.files()
    app.update("database")
    app.settle()
    assert app.git("rev-list", "--count", f"{before}..main").strip() == "1"
    for path, text in app.files().items():
        changed = set(text.splitlines()) - set(files[path].splitlines())
        assert {line.split(":")[0].strip() for line in changed} <= {"password", "lastmodified", "mac"}
        assert any(line.strip().startswith("password:") for line in changed)


def test_what_is_not_content_makes_no_commit(app: App) -> None:
    app.create("database")
    app.settle()
    before = app.head()
    app.patch("database", {"metadata": {"annotations": {"example.com/note": "a word"}}})
    app.create("marker")  # when this one is committed, the other has been looked at
    app.settle()
    changed = app.git("diff", "--name-only", before, "main").split()
    assert changed == [names.secret_path(target, "marker") for target in (app.dev, app.prod)]


def test_targets_follow_the_annotation(app: App) -> None:
    app.create("database")
    app.settle()
    app.retarget("database", app.prod)
    app.settle()
    assert app.live(app.dev) == {}
    app.retarget("database", app.dev)
    app.settle()
    assert app.live(app.prod) == {}


def test_a_deleted_secret_goes_everywhere(app: App) -> None:
    app.create("database")
    app.create("stays")
    app.settle()
    app.delete("database")
    app.settle()
    assert set(app.live(app.dev)) == {"stays"}
    app.check_history()


def test_the_registration_names_the_head_of_its_repository(app: App) -> None:
    app.create("database")
    app.settle()
    eventually(
        lambda: (app.registration() or {})["status"]["repository"]["headSha"] == app.head(), "the head"
    )


def test_a_secret_may_be_made_again_under_its_name(app: App) -> None:
    app.create("database")
    app.settle()
    app.delete("database")
    app.create("database")
    app.settle()
    app.check_history()


def test_taking_the_label_off_takes_the_secret_back(app: App) -> None:
    app.create("database")
    app.settle()
    app.patch("database", {"metadata": {"labels": {names.SECRET_INTENT_LABEL: None}}})
    app.wanted.clear()
    app.settle()
    left = app.find(SECRETS, "database", app.home)
    assert not left["metadata"].get("finalizers"), "the Secret itself is the user's to keep, held by nobody"


def test_a_secret_near_the_size_limit_is_delivered(app: App) -> None:
    app.create("large", big=CANARY + "x" * 900_000)
    app.settle()


def test_namespaces_follow_the_registration(app: App) -> None:
    app.create("database")
    app.settle()
    test = f"{app.name}-test"
    app.register([app.prod, test], ACCESS)
    eventually(lambda: set(groups(app, test)) == {each["group"] for each in ACCESS}, f"bindings in {test}")
    eventually(lambda: groups(app, app.dev) == {}, f"no bindings in {app.dev}", within=PATIENCE)
    left = app.find(NAMESPACES, app.dev)
    assert "deletionTimestamp" not in left["metadata"]
    eventually(lambda: app.status("database") == "Failed", "the intent says that its target has gone")
    assert app.dev in app.annotation("database", names.SECRET_MESSAGE)
    app.retarget("database", app.prod, test)
    eventually(lambda: "database" in app.live(test), "delivered to the new namespace", within=PATIENCE)
    assert app.status("database") == "Committed"


def test_deleting_a_registration_keeps_what_runs(app: App) -> None:
    app.register(access=ACCESS)
    app.create("database")
    app.settle()
    live, head = app.live(app.prod), app.head()
    app.cluster.do(lambda client: client.delete(REGISTRATIONS, app.name))
    eventually(lambda: app.registration() is None, "the registration gone", within=PATIENCE)
    for resource in (GIT_REPOSITORIES, KUSTOMIZATIONS):
        eventually(lambda kind=resource: not app.find(kind, app.home, app.home), f"no {resource.kind}")  # type: ignore[misc] # as above
    for namespace in (app.dev, app.prod):
        assert groups(app, namespace) == {}
    assert app.live(app.prod) == live
    assert app.head() == head
    assert not app.intents()["database"].get("finalizers"), "an intent that nobody serves is held by nobody"


def test_an_app_registered_again_takes_up_where_it_was(app: App) -> None:
    app.create("database")
    app.settle()
    app.unregister()
    eventually(lambda: app.registration() is None, "the registration gone", within=PATIENCE)
    app.register()
    app.until_ready()
    app.update("database")
    app.settle()


def test_the_demo_passes_and_can_be_run_again(whole_platform: Platform) -> None:
    for _ in range(2):
        out = io.StringIO()
        demonstrate(whole_platform, Report(out))
        assert "All as it should be" in out.getvalue()


def test_no_value_is_anywhere_but_in_secrets(whole_platform: Platform, cluster: Cluster, app: App) -> None:
    app.create("database")
    app.settle()
    assert leaks(whole_platform, cluster) == []
    # The search does find what is there, also inside of base64.
    encoded = base64.b64encode(f"..{CANARY}".encode()).decode()
    item = CONFIG_MAPS.manifest("leak", app.dev, data={"key": encoded})
    cluster.do(lambda client: client.create(CONFIG_MAPS, item))
    assert leaks(whole_platform, cluster) == [f"/api/v1/configmaps {app.dev}/leak"]
    cluster.do(lambda client: client.delete(CONFIG_MAPS, "leak", app.dev))
