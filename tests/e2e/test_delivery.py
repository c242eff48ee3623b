"""Each target of an intent says how far Flux is with it, for each way in which Flux can fail here."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app_platform import sops
from app_platform.contracts import Delivery, Stage, names, read_deliveries
from app_platform.kube import GIT_REPOSITORIES, KUSTOMIZATIONS, ROLE_BINDINGS, SECRETS, Forbidden, Resource
from app_platform.local import Platform
from support.apps import PATIENCE, App
from support.gitrepo import commit_and_push
from support.platform import eventually

COMMITTERS = ["git-committer-0", "git-committer-1"]
BINDERS = ["namespace-rbac-0", "namespace-rbac-1"]


@pytest.fixture(autouse=True)
def all_running(whole_platform: Platform) -> Iterator[None]:
    """Whatever a test stopped runs again after it."""
    yield
    for name in (*COMMITTERS, *BINDERS):
        whole_platform.control.start(name)
    whole_platform.control.wait_ready([*COMMITTERS, *BINDERS], PATIENCE)


def said(app: App, name: str) -> dict[str, Delivery]:
    return read_deliveries(app.annotation(name, names.SECRET_DELIVERY))


def until(app: App, name: str, dev: Stage, prod: Stage, within: float = PATIENCE) -> dict[str, Delivery]:
    """Wait until both targets stand at these stages."""
    wanted = {app.dev: dev, app.prod: prod}
    deadline = time.monotonic() + within
    while {target: each.stage for target, each in said(app, name).items()} != wanted:
        if time.monotonic() > deadline:
            pytest.fail(f"{name} not at {dev}, {prod} but {app.annotation(name, names.SECRET_DELIVERY)}")
        time.sleep(0.1)
    return said(app, name)


def test_what_is_live_is_applied_with_its_commit(app: App) -> None:
    app.create("database")
    app.settle()
    found = until(app, "database", Stage.APPLIED, Stage.APPLIED)
    assert found[app.dev].message == f"with commit {app.annotation('database', names.SECRET_COMMIT)[:12]}"
    app.retarget("database", app.prod)
    app.settle()
    eventually(lambda: set(said(app, "database")) == {app.prod}, "one target left")
    eventually(lambda: said(app, "database")[app.prod].stage == Stage.APPLIED, "applied again")


def test_a_commit_that_cannot_be_fetched(app: App) -> None:
    app.create("before")
    app.settle()
    until(app, "before", Stage.APPLIED, Stage.APPLIED)
    change(app, {"suspend": True}, GIT_REPOSITORIES)
    app.create("database")
    until(app, "database", Stage.SUSPENDED, Stage.SUSPENDED)
    for name in COMMITTERS:  # which would put the managed object right
        app.platform.control.stop(name)
    change(app, {"suspend": None, "secretRef": {"name": "nowhere"}}, GIT_REPOSITORIES)
    found = until(app, "database", Stage.FETCH, Stage.FETCH)
    assert "nowhere" in found[app.dev].message
    assert said(app, "before")[app.dev].stage == Stage.APPLIED, "what was delivered stays so"
    for name in COMMITTERS:
        app.platform.control.start(name)
    change(app, {"secretRef": {"name": names.GIT_CREDENTIAL_SECRET}}, GIT_REPOSITORIES)
    until(app, "database", Stage.APPLIED, Stage.APPLIED)
    app.settle()


def test_a_file_that_cannot_be_built(app: App, tmp_path: Path) -> None:
    change(app, {"suspend": True})
    app.create("database")
    until(app, "database", Stage.SUSPENDED, Stage.SUSPENDED)
    for name in COMMITTERS:  # which would take the file away at once
        app.platform.control.stop(name)
    broken = commit_and_push(app.platform, app.home, tmp_path / "tree", {"secrets/broken.yaml": "a: [\n"})
    app.refetch()
    eventually(lambda: fetched(app).endswith(broken), "the broken commit fetched", within=PATIENCE)
    change(app, {"suspend": None})
    found = until(app, "database", Stage.BUILD, Stage.BUILD)
    assert "yaml" in found[app.dev].message
    for name in COMMITTERS:
        app.platform.control.start(name)
    until(app, "database", Stage.APPLIED, Stage.APPLIED)
    app.settle()


def fetched(app: App) -> str:
    """The revision that Flux fetched last."""
    return str(app.find(GIT_REPOSITORIES, app.home, app.home)["status"]["artifact"]["revision"])


def change(app: App, spec: dict[str, Any], resource: Resource = KUSTOMIZATIONS) -> None:
    """Change a managed Flux object by hand."""
    app.cluster.do(lambda client: client.merge_patch(resource, app.home, app.home, {"spec": spec}))


def test_files_that_cannot_be_decrypted(app: App) -> None:
    app.create("before")
    app.settle()
    theirs = sops.Identity.generate()
    other = SECRETS.manifest("other", app.home, stringData={"age.agekey": theirs.secret})
    app.cluster.do(lambda client: client.create(SECRETS, other, metadata_only=True))
    change(app, {"decryption": {"secretRef": {"name": "other"}}})
    app.create("database")
    eventually(
        lambda: (
            {each.stage for each in said(app, "database").values()} <= {Stage.DECRYPTION, Stage.BLOCKED}
            and said(app, "database")
        ),
        "undecrypted",
        within=PATIENCE,
    )
    assert theirs.secret not in app.annotation("database", names.SECRET_DELIVERY)
    change(app, {"decryption": {"secretRef": {"name": names.AGE_KEY_SECRET}}})
    app.settle()
    until(app, "database", Stage.APPLIED, Stage.APPLIED)


def test_a_key_that_is_not_there(app: App) -> None:
    app.create("before")
    app.settle()
    change(app, {"decryption": {"secretRef": {"name": "sops-age-nowhere"}}})
    app.create("database")
    found = until(app, "database", Stage.DECRYPTION, Stage.DECRYPTION)
    assert "sops-age-nowhere" in found[app.dev].message
    assert said(app, "before")[app.dev].stage == Stage.APPLIED
    change(app, {"decryption": {"secretRef": {"name": names.AGE_KEY_SECRET}}})
    app.settle()
    until(app, "database", Stage.APPLIED, Stage.APPLIED)


def test_a_refusal_in_one_namespace_is_said_there_and_blocks_the_other(app: App) -> None:
    for name in BINDERS:
        app.platform.control.stop(name)
    bindings = app.cluster.do(lambda client: client.list(ROLE_BINDINGS, app.dev))
    (mine,) = [each for each in bindings if each["roleRef"]["name"] == "app-platform-flux"]
    app.cluster.do(lambda client: client.delete(ROLE_BINDINGS, mine["metadata"]["name"], app.dev))
    app.create("database")
    found = until(app, "database", Stage.REFUSED, Stage.BLOCKED)
    app.create("elsewhere", [app.prod])
    assert "may not write Secrets" in found[app.dev].message
    assert app.dev in found[app.prod].message
    eventually(lambda: blocked(app, "elsewhere"), "the other one too", within=PATIENCE)
    for name in BINDERS:
        app.platform.control.start(name)
    app.register(access=[{"group": "a", "role": "reader"}])
    app.settle()
    until(app, "database", Stage.APPLIED, Stage.APPLIED)


def blocked(app: App, name: str) -> bool:
    return {each.stage for each in said(app, name).values()} == {Stage.BLOCKED}


ADMISSION = "admissionregistration.k8s.io"
POLICIES = Resource(
    ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
BINDINGS = Resource(
    ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
)


@pytest.fixture
def policy(app: App) -> Iterator[str]:
    """Nobody may write a Secret of this name into the app's dev namespace."""
    name = f"{app.name}-denied"
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["secrets"],
    }
    where = {"matchLabels": {"kubernetes.io/metadata.name": app.dev}}
    check = {
        "expression": f"object.metadata.name != '{name}'",
        "message": "not this one",
        "reason": "Forbidden",
    }
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"namespaceSelector": where, "resourceRules": [rule]},
        "validations": [check],
    }
    bound = {"policyName": name, "validationActions": ["Deny"]}
    for resource, content in ((POLICIES, spec), (BINDINGS, bound)):
        app.cluster.do(lambda client, r=resource, c=content: client.create(r, r.manifest(name, spec=c)))  # type: ignore[misc] # mypy cannot infer a lambda's default
    eventually(lambda: is_denied(app, name), "the policy in force")
    yield name
    for resource in (BINDINGS, POLICIES):
        if app.find(resource, name):
            app.cluster.do(lambda client, r=resource: client.delete(r, name))  # type: ignore[misc] # as above


def is_denied(app: App, name: str) -> bool:
    secret = SECRETS.manifest(name, app.dev)
    try:
        app.cluster.do(lambda client: client.create(SECRETS, secret, metadata_only=True))
    except Forbidden:
        return True
    app.cluster.do(lambda client: client.delete(SECRETS, name, app.dev))
    return False


def test_a_secret_that_the_api_server_does_not_take(app: App, policy: str) -> None:
    app.create(policy)
    found = until(app, policy, Stage.APPLY, Stage.BLOCKED)
    assert "not this one" in found[app.dev].message
    app.create("database")
    others = until(app, "database", Stage.BLOCKED, Stage.BLOCKED)
    assert f"{app.dev}/{policy}" in others[app.prod].message
    app.cluster.do(lambda client: client.delete(BINDINGS, policy))
    app.settle()
    until(app, policy, Stage.APPLIED, Stage.APPLIED)
    until(app, "database", Stage.APPLIED, Stage.APPLIED)


def test_a_health_check_that_fails(app: App) -> None:
    checks = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "never", "namespace": app.dev}]
    change(app, {"healthChecks": checks, "timeout": "2s"})
    app.create("database")
    found = until(app, "database", Stage.HEALTH, Stage.HEALTH)
    assert "never" in found[app.dev].message
    change(app, {"healthChecks": None})
    # Flux first ends the check that is running, which lasts as long as the Kustomization's time-out.
    until(app, "database", Stage.APPLIED, Stage.APPLIED, within=2 * PATIENCE)
    app.settle()


def test_a_pause(app: App) -> None:
    change(app, {"suspend": True})
    app.create("database")
    until(app, "database", Stage.SUSPENDED, Stage.SUSPENDED)
    change(app, {"suspend": None})
    app.settle()
    until(app, "database", Stage.APPLIED, Stage.APPLIED)
