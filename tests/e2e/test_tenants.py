"""Tenants on the whole platform, every service under its own identity: what they may do works, and what Flux refuses is shown."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.kube import (
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    SECRETS,
    Forbidden,
    Invalid,
    KubeClient,
    Object,
    Resource,
    Selector,
    User,
)
from app_platform.kube.registrations import REGISTRATIONS
from support.apps import PATIENCE, App
from support.gitrepo import commit_and_push, credential, make_repository
from support.platform import eventually

OURS = Selector(labels=f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}")
PODS = Resource("", "v1", "pods", "Pod")
GROUP_BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: taken-over}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: flux, namespace: default}]
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {{name: planted, namespace: {namespace}}}
stringData: {{a: b}}
"""
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings, namespace: {namespace}}}
data: {{a: b}}
"""


@pytest.fixture
def team(app: App) -> App:
    """A registered app whose groups are named after it."""
    roles = ("admin", "developer", "reader")
    app.register(access=[{"group": f"{app.name}-{role}s", "role": role} for role in roles])
    app.until_ready()
    return app


def person(app: App, role: str) -> Callable[[KubeClient], KubeClient]:
    """Acts as somebody of a role."""
    user = User(f"oidc:{role}", (f"{app.name}-{role}s",))
    return lambda client: client.acting_as(user)


def test_an_admin_makes_an_intent_and_it_is_delivered(team: App) -> None:
    admin = person(team, "admin")
    manifest = SECRETS.manifest("database", team.home, stringData={"password": "by-the-admin"})
    manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    manifest["metadata"]["annotations"] = {names.TARGET_NAMESPACES: team.dev}
    for other in (person(team, "developer"), person(team, "reader")):
        with pytest.raises(Forbidden):
            team.cluster.do(partial(_create, other, manifest))
    team.cluster.do(lambda client: admin(client).create(SECRETS, manifest, metadata_only=True))
    eventually(
        lambda: team.live(team.dev).get("database") == {"password": "by-the-admin"},
        "delivered",
        within=PATIENCE,
    )
    with pytest.raises(Invalid, match="managed by the App Platform"):
        team.cluster.do(lambda client: admin(client).delete(SECRETS, "database", team.dev))


async def _create(who: Callable[[KubeClient], KubeClient], manifest: Object, client: KubeClient) -> None:
    await who(client).create(SECRETS, manifest, metadata_only=True)


def test_an_admin_adds_a_namespace_and_takes_it_away_again(team: App) -> None:
    admin, extra = person(team, "admin"), f"{team.name}-extra"

    def change(*namespaces: str) -> None:
        spec = {"spec": {"namespaces": list(namespaces)}}
        team.cluster.do(lambda client: admin(client).merge_patch(REGISTRATIONS, team.name, None, spec))

    def may_read_pods() -> bool:
        return bool(team.cluster.do(lambda client: _can_list(person(team, "reader")(client), extra)))

    change(team.dev, team.prod, extra)
    eventually(may_read_pods, "the readers' binding in the new namespace", within=PATIENCE)
    change(team.dev, team.prod)
    eventually(lambda: not may_read_pods(), "the binding gone", within=PATIENCE)


async def _can_list(client: KubeClient, namespace: str) -> bool:
    try:
        await client.list(PODS, namespace)
    except Forbidden:
        return False
    return True


def test_changed_access_is_followed(team: App) -> None:
    team.register(access=[{"group": "somebody-else", "role": "reader"}])
    user = User("oidc:x", (f"{team.name}-admins",))
    eventually(
        lambda: not team.cluster.do(lambda client: _can_list(client.acting_as(user), team.dev)),
        "the former admins' binding gone",
        within=PATIENCE,
    )


def deploy(team: App, tree: Path, files: dict[str, str]) -> None:
    """Deploy manifests as the app's developers do: an own repository, GitRepository and Kustomization."""
    repository = f"{team.name}-own"
    make_repository(team.platform, repository)
    commit_and_push(team.platform, repository, tree, files)
    key = credential("deploy-key-own", team.home)
    team.cluster.do(lambda client: client.create(SECRETS, key, metadata_only=True))
    developer = person(team, "developer")
    source = GIT_REPOSITORIES.manifest(
        "own",
        team.home,
        spec={
            "url": f"{team.platform.env['GIT_URL']}/apps/{repository}.git",
            "interval": "1m",
            "ref": {"branch": "main"},
            "secretRef": {"name": "deploy-key-own"},
        },
    )
    sync = KUSTOMIZATIONS.manifest(
        "own",
        team.home,
        spec={
            "interval": "1m",
            "retryInterval": "5s",
            "path": "./k8s",
            "prune": True,
            "serviceAccountName": "flux",
            "sourceRef": {"kind": "GitRepository", "name": "own"},
        },
    )
    team.cluster.do(lambda client: developer(client).create(GIT_REPOSITORIES, source))
    team.cluster.do(lambda client: developer(client).create(KUSTOMIZATIONS, sync))


def ready(team: App) -> tuple[str, str]:
    """Status and message of the Kustomization's Ready condition, as a reader sees it."""
    reader = person(team, "reader")
    found: dict[str, Any] = team.cluster.do(lambda c: reader(c).get(KUSTOMIZATIONS, "own", team.home))
    for condition in found.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return condition["status"], condition["message"]
    return "", ""


def test_an_app_deploys_from_its_own_repository(team: App, tmp_path: Path) -> None:
    deploy(team, tmp_path / "tree", {"k8s/settings.yaml": CONFIG_MAP.format(namespace=team.dev)})
    eventually(lambda: ready(team)[0] == "True", f"applied: {ready(team)}", within=PATIENCE)


@pytest.mark.parametrize("attack", ["cluster-role-binding", "other-app", "platform-namespace"])
def test_what_reaches_further_fails_and_says_so(team: App, tmp_path: Path, attack: str) -> None:
    manifests = {
        "cluster-role-binding": GROUP_BINDING,
        "other-app": SECRET.format(namespace="default"),
        "platform-namespace": SECRET.format(namespace=team.home),
    }
    deploy(team, tmp_path / "tree", {"k8s/attack.yaml": manifests[attack]})

    def is_refused() -> bool:
        status, message = ready(team)
        return status == "False" and "forbidden" in message

    eventually(is_refused, f"refused and shown: {ready(team)}", within=PATIENCE)
    assert team.find(SECRETS, "planted", team.home) is None


def test_a_binding_that_others_made_is_left_alone(team: App) -> None:
    binding = ROLE_BINDINGS.manifest("theirs", team.dev)
    binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    binding["subjects"] = [{"kind": "User", "name": "x", "apiGroup": "rbac.authorization.k8s.io"}]
    team.cluster.do(lambda client: client.create(ROLE_BINDINGS, binding))
    team.register(access=[{"group": "others", "role": "reader"}])
    eventually(
        lambda: not any("admins" in name for name in _binding_names(team)),
        "bindings changed",
        within=PATIENCE,
    )
    assert team.find(ROLE_BINDINGS, "theirs", team.dev) is not None


def _binding_names(team: App) -> list[str]:
    listed = team.cluster.do(lambda client: client.list(ROLE_BINDINGS, team.dev))
    return [item["metadata"]["name"] for item in listed]


def test_a_binding_that_somebody_changes_or_deletes_is_put_back_at_once(team: App) -> None:
    def groups() -> dict[str, str]:
        listed = team.cluster.do(lambda client: client.list(ROLE_BINDINGS, team.dev, OURS))
        return {
            each["subjects"][0]["name"]: each["metadata"]["name"] for each in listed if each.get("subjects")
        }

    before = groups()
    admins, readers = before[f"{team.name}-admins"], before[f"{team.name}-readers"]
    nobody = {"subjects": [{"kind": "Group", "name": "intruders", "apiGroup": "rbac.authorization.k8s.io"}]}
    team.cluster.do(lambda client: client.merge_patch(ROLE_BINDINGS, admins, team.dev, nobody))
    team.cluster.do(lambda client: client.delete(ROLE_BINDINGS, readers, team.dev))
    eventually(lambda: groups() == before, "both bindings as they were", within=PATIENCE)


def test_a_label_taken_off_a_namespace_is_put_back_at_once(team: App) -> None:
    change = {"metadata": {"labels": {names.NAMESPACE_ROLE_LABEL: None}}}
    team.cluster.do(lambda client: client.merge_patch(NAMESPACES, team.dev, None, change))

    def role() -> str:
        return str(team.find(NAMESPACES, team.dev)["metadata"]["labels"].get(names.NAMESPACE_ROLE_LABEL, ""))

    eventually(lambda: role() == names.ROLE_APP, "the label put back", within=PATIENCE)
