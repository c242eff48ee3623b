"""The walls, from the attacker's side: each attempt is made as a person of an app on the real API server."""

from collections.abc import Mapping
from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.kube import (
    CLUSTER_ROLE_BINDINGS,
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    Object,
    Resource,
)
from app_platform.kube.registrations import REGISTRATIONS
from integration.policies.conftest import Team, World, refused

PODS = Resource("", "v1", "pods", "Pod")


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest with changes, deep; None removes."""
    out = dict(base)
    for key, value in change.items():
        if isinstance(value, Mapping) and isinstance(out.get(key), Mapping):
            out[key] = merged(out[key], value)
        elif value is None:
            out.pop(key, None)
        else:
            out[key] = value
    return out


def intent(team: Team, **change: Any) -> Object:
    """A right secret intent, changed."""
    manifest = SECRETS.manifest("database", team.home, stringData={"password": "x"})
    manifest["metadata"] |= {
        "labels": {names.SECRET_INTENT_LABEL: "true"},
        "annotations": {names.TARGET_NAMESPACES: team.dev},
    }
    return merged(manifest, change)


def client(team: Team, **change: Any) -> Object:
    """A right OIDC client, changed."""
    manifest = SECRETS.manifest("web", team.home, stringData={"hostname": "a.example"}, type="Opaque")
    manifest["metadata"]["labels"] = {names.OIDC_CLIENT_LABEL: "web", names.APP_LABEL: team.name}
    return merged(manifest, change)


def kustomization(team: Team, **spec: Any) -> Object:
    """A right Kustomization, changed."""
    base = {
        "interval": "10m",
        "path": "./k8s/overlays/dev",
        "prune": True,
        "serviceAccountName": "flux",
        "targetNamespace": team.dev,
        "sourceRef": {"kind": "GitRepository", "name": "own"},
    }
    return KUSTOMIZATIONS.manifest("own", team.home, spec=merged(base, spec))


def source(team: Team, **spec: Any) -> Object:
    """A right GitRepository, changed."""
    base = {"interval": "1m", "url": "ssh://git@github.com/o/r.git", "secretRef": {"name": "deploy-key-own"}}
    return GIT_REPOSITORIES.manifest("own", team.home, spec=merged(base, spec))


def meta(**change: Any) -> dict[str, Any]:
    return {"metadata": change}


async def test_what_is_right_is_taken(world: World) -> None:
    team = world.mine
    for person in (team.admin, team.developer):
        await person.create(GIT_REPOSITORIES, source(team))
        await person.create(KUSTOMIZATIONS, kustomization(team))
        await person.merge_patch(KUSTOMIZATIONS, "own", team.home, {"spec": {"suspend": True}})
        await person.delete(KUSTOMIZATIONS, "own", team.home)
        await person.delete(GIT_REPOSITORIES, "own", team.home)
    await team.admin.create(SECRETS, intent(team))
    await team.admin.create(SECRETS, client(team))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (meta(labels={names.SECRET_INTENT_LABEL: None}), "secret intents"),
        (meta(labels={names.SECRET_INTENT_LABEL: "false"}), "secret intents"),
        (meta(labels={names.OIDC_CLIENT_LABEL: "x"}), "never both"),
        (meta(labels={names.MANAGED_BY_LABEL: names.MANAGED_BY}), "leave out the label"),
        (meta(labels={names.SECRET_NAME_LABEL: "x"}), "leave out labels"),
        (meta(labels={names.NAMESPACE_ROLE_LABEL: "platform"}), "leave out labels"),
        (meta(labels={names.APP_LABEL: "another"}), "to which this namespace belongs"),
        (meta(name=names.GIT_CREDENTIAL_SECRET), "choose another name"),
        (meta(name="deploy-key-own"), "choose another name"),
        (meta(annotations={names.SECRET_STATUS: "Committed"}), "leave out annotations"),
        (meta(annotations={names.SECRET_ENVELOPE: "forged"}), "leave out annotations"),
        (meta(annotations={names.CHANGED_BY: "boss"}), "changed-by"),
        (
            meta(annotations={names.TRACEPARENT: "00-<script>-01"}),
            "leave out the annotation labrats.work/traceparent",
        ),
        (meta(annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"}), "--server-side"),
        (meta(annotations={names.TARGET_NAMESPACES: "kube-system"}), "may name namespaces of"),
        (
            meta(annotations={names.TARGET_NAMESPACES: "{mine}-dev,{theirs}-platform"}),
            "may name namespaces of",
        ),
        (meta(annotations={names.TARGET_NAMESPACES: "{mine}-platform"}), "may name namespaces of"),
        (meta(finalizers=["example.com/stay"]), "finalizers"),
        (
            {"type": "kubernetes.io/service-account-token"}
            | meta(annotations={"kubernetes.io/service-account.name": "flux"}),
            "choose another type",
        ),
    ],
)
async def test_an_intent_is_an_intent_and_no_more(world: World, change: dict[str, Any], says: str) -> None:
    annotations = change.get("metadata", {}).get("annotations", {})
    if targets := annotations.get(names.TARGET_NAMESPACES):
        annotations = {
            names.TARGET_NAMESPACES: targets.format(mine=world.mine.name, theirs=world.theirs.name)
        }
        change = meta(annotations=annotations)
    assert says in await refused(world.mine.admin.create(SECRETS, intent(world.mine, **change)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "kubernetes.io/basic-auth", "stringData": {"username": "u"}}, "type Opaque"),
        (meta(labels={names.APP_LABEL: "another"}), "to which this namespace belongs"),
    ],
)
async def test_an_oidc_client_is_one(world: World, change: dict[str, Any], says: str) -> None:
    assert says in await refused(world.mine.admin.create(SECRETS, client(world.mine, **change)))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"serviceAccountName": None}, "serviceAccountName to flux"),
        ({"serviceAccountName": "default"}, "serviceAccountName to flux"),
        ({"kubeConfig": {"secretRef": {"name": "sops-age"}}}, "kubeConfig"),
        ({"sourceRef": {"namespace": "{theirs}-platform"}}, "GitRepository of this namespace"),
        ({"sourceRef": {"kind": "OCIRepository"}}, "GitRepository of this namespace"),
        ({"sourceRef": {"name": "{mine}-platform"}}, "one of your own GitRepositories"),
        ({"decryption": {"provider": "sops", "secretRef": {"name": "sops-age"}}}, "decryption"),
        ({"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "sops-age"}]}}, "ConfigMaps only"),
        ({"dependsOn": [{"name": "x", "namespace": "{theirs}-platform"}]}, "dependsOn"),
        ({"targetNamespace": "kube-system"}, "must be a namespace of"),
        ({"targetNamespace": "{mine}-platform"}, "must be a namespace of"),
    ],
)
async def test_a_kustomization_stays_at_home(world: World, spec: dict[str, Any], says: str) -> None:
    attempt = kustomization(world.mine, **formatted(spec, world))
    assert says in await refused(world.mine.developer.create(KUSTOMIZATIONS, attempt))


async def test_a_right_kustomization_cannot_be_made_wrong(world: World) -> None:
    team = world.mine
    await team.developer.create(KUSTOMIZATIONS, kustomization(team))
    change = {"spec": {"serviceAccountName": "default"}}
    assert "flux" in await refused(team.developer.merge_patch(KUSTOMIZATIONS, "own", team.home, change))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"url": "git://github.com/o/r.git"}, "spec.url"),
        ({"url": "file:///etc"}, "spec.url"),
        ({"secretRef": {"name": "git-credential"}}, "deploy key only"),
        ({"secretRef": {"name": "sops-age"}}, "deploy key only"),
        ({"secretRef": {"name": "database"}}, "deploy key only"),
        ({"url": "https://evil.example/o/r.git"}, "would be sent to the host"),
        ({"provider": "github"}, "provider"),
        ({"proxySecretRef": {"name": "database"}}, "proxySecretRef"),
    ],
)
async def test_a_source_takes_no_secret_along(world: World, spec: dict[str, Any], says: str) -> None:
    attempt = source(world.mine, **spec)
    assert says in await refused(world.mine.developer.create(GIT_REPOSITORIES, attempt))


async def test_the_names_of_managed_flux_objects_are_kept(world: World) -> None:
    team = world.mine
    for resource, manifest in ((GIT_REPOSITORIES, source(team)), (KUSTOMIZATIONS, kustomization(team))):
        attempt = merged(manifest, meta(name=team.home))
        assert "choose another name" in await refused(team.developer.create(resource, attempt))


async def test_managed_objects_are_changed_by_nobody_else(world: World) -> None:
    team = world.mine
    managed = merged(
        kustomization(team), meta(name=team.home, labels={names.MANAGED_BY_LABEL: names.MANAGED_BY})
    )
    await world.root.create(KUSTOMIZATIONS, managed)
    pause = {"spec": {"suspend": True}}
    unlabel = meta(labels={names.MANAGED_BY_LABEL: None})
    for change in (pause, unlabel):
        attempt = team.developer.merge_patch(KUSTOMIZATIONS, team.home, team.home, change)
        assert "managed by the App Platform" in await refused(attempt)
    attempt_ = team.developer.delete(KUSTOMIZATIONS, team.home, team.home)
    assert "managed by the App Platform" in await refused(attempt_)
    await world.service("git-committer").get(KUSTOMIZATIONS, team.home, team.home)


async def test_what_flux_delivers_is_not_changed_by_hand_and_flux_may(world: World) -> None:
    team = world.mine
    delivered = SECRETS.manifest("database", team.dev, stringData={"password": "x"})
    delivered["metadata"]["labels"] = {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.APP_LABEL: team.name,
        names.SECRET_NAME_LABEL: "database",
    }
    assert "leave out the label" in await refused(team.admin.create(SECRETS, delivered))
    await world.flux(team).create(SECRETS, delivered)
    change = {"stringData": {"password": "y"}}
    assert "managed by" in await refused(team.admin.merge_patch(SECRETS, "database", team.dev, change))
    await world.flux(team).merge_patch(SECRETS, "database", team.dev, change)
    assert "managed by" in await refused(team.admin.delete(SECRETS, "database", team.dev))


async def test_an_apps_flux_reaches_its_own_namespaces_only(world: World) -> None:
    flux, secret = world.flux(world.mine), {"stringData": {"a": "b"}}
    await flux.create(SECRETS, SECRETS.manifest("own", world.mine.dev, **secret))
    for namespace in (world.theirs.dev, world.mine.home, world.theirs.home, "default"):
        assert "cannot create" in await refused(
            flux.create(SECRETS, SECRETS.manifest("own", namespace, **secret))
        )
    binding = CLUSTER_ROLE_BINDINGS.manifest(f"{world.mine.name}-root")
    binding["roleRef"] = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "cluster-admin",
    }
    assert "cannot create" in await refused(flux.create(CLUSTER_ROLE_BINDINGS, binding))
    assert "cannot create" in await refused(
        flux.create(
            ROLE_BINDINGS, ROLE_BINDINGS.manifest("x", world.mine.dev) | {"roleRef": binding["roleRef"]}
        )
    )
    assert "cannot create" in await refused(flux.create(NAMESPACES, NAMESPACES.manifest("other")))


async def test_the_labels_of_the_platform_stay_where_they_are(world: World) -> None:
    team = world.mine
    await team.admin.create(SECRETS, SECRETS.manifest("own", team.dev, stringData={"a": "b"}))
    for label in (
        names.APP_LABEL,
        names.SECRET_NAME_LABEL,
        names.OIDC_CLIENT_LABEL,
        names.SECRET_INTENT_LABEL,
    ):
        change = meta(labels={label: "true"})
        assert "leave the labels" in await refused(team.admin.merge_patch(SECRETS, "own", team.dev, change))


async def test_an_admin_changes_the_namespaces_of_the_registration_and_nothing_else(world: World) -> None:
    team = world.mine
    grown = {"spec": {"namespaces": [team.dev, f"{team.name}-prod"]}}
    await team.admin.merge_patch(REGISTRATIONS, team.name, None, grown)
    take = {"spec": {"access": [{"group": "everybody", "role": "admin"}]}}
    assert "only spec.namespaces" in await refused(
        team.admin.merge_patch(REGISTRATIONS, team.name, None, take)
    )
    for change in (
        {"spec": {"displayName": "x"}},
        meta(annotations={names.ROTATE_KEY: "now"}),
        meta(labels={"a": "b"}),
        meta(finalizers=["example.com/stay"]),
    ):
        assert "only spec.namespaces" in await refused(
            team.admin.merge_patch(REGISTRATIONS, team.name, None, change)
        )
    await world.platform_admin.merge_patch(REGISTRATIONS, team.name, None, take)
    for person in (team.developer, team.reader, world.stranger, world.theirs.admin):
        assert "cannot patch" in await refused(person.merge_patch(REGISTRATIONS, team.name, None, grown))


async def test_namespace_rbac_binds_our_roles_to_groups_in_namespaces_of_apps_only(world: World) -> None:
    service = world.service("namespace-rbac")

    def binding(namespace: str, role: str, subject: Mapping[str, str]) -> Object:
        manifest = ROLE_BINDINGS.manifest("attempt", namespace)
        manifest["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        manifest["subjects"] = [dict(subject)]
        return manifest

    group = {"kind": "Group", "name": "team", "apiGroup": "rbac.authorization.k8s.io"}
    masters = group | {"name": "system:masters"}
    ours = {"kind": "ServiceAccount", "name": "git-committer", "namespace": names.SYSTEM_NAMESPACE}
    their_flux = {"kind": "ServiceAccount", "name": "flux", "namespace": world.theirs.home}
    attempts = [
        (binding("kube-system", "app-platform-service-secrets-encryptor", ours), "namespaces of apps only"),
        (binding("default", "app-platform-admin", group), "namespaces of apps only"),
        (binding(world.mine.dev, "app-platform-service-secrets-encryptor", ours), "this kind of namespace"),
        (binding(world.mine.home, "app-platform-admin", group), "this kind of namespace"),
        (binding(world.mine.dev, "app-platform-admin", masters), "SSO groups"),
        (binding(world.mine.home, "app-platform-service-secrets-encryptor", group), ""),
        (binding(world.mine.dev, "app-platform-flux", their_flux), "SSO groups"),
        (binding(world.mine.dev, "cluster-admin", group), "is not allowed"),
        (binding(world.mine.home, "app-platform-delivered", ours), "this kind of namespace"),
        (binding(world.mine.dev, "app-platform-delivered", ours | {"name": "watcher"}), "SSO groups"),
        (binding(world.mine.dev, "app-platform-delivered", their_flux), "SSO groups"),
    ]
    for attempt, says in attempts:
        if says:
            message = await refused(service.create(ROLE_BINDINGS, attempt))
            assert says in message or "attempting to grant" in message
    everywhere = CLUSTER_ROLE_BINDINGS.manifest("attempt")
    everywhere["roleRef"] = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "app-platform-service-secrets-encryptor",
    }
    everywhere["subjects"] = [ours]
    assert "cluster-wide" in await refused(service.create(CLUSTER_ROLE_BINDINGS, everywhere))


async def test_no_way_to_read_a_secret_of_the_platform_namespace(world: World) -> None:
    team = world.mine
    await world.root.create(SECRETS, intent(team))
    for person in (
        team.admin,
        team.developer,
        team.reader,
        world.stranger,
        world.theirs.admin,
        world.platform_admin,
    ):
        for name in ("database", names.AGE_KEY_SECRET):
            for attempt in (
                person.get(SECRETS, name, team.home),
                person.get(SECRETS, name, team.home, metadata_only=True),
                person.list(SECRETS, team.home),
                person.merge_patch(SECRETS, name, team.home, {}),
                person.apply(SECRETS, SECRETS.manifest(name, team.home), field_manager="x", force=True),
                person.delete(SECRETS, name, team.home),
            ):
                assert "cannot" in await refused(attempt)
        assert "cannot" in await refused(person.create(PODS, pod(team)))
        assert "cannot" in await refused(
            person.create(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS.manifest("x", team.home))
        )
        assert "cannot" in await refused(person.create(ROLES, ROLES.manifest("x", team.home)))


def pod(team: Team) -> Object:
    """A pod that would mount the age key."""
    return PODS.manifest(
        "spy",
        team.home,
        spec={
            "containers": [{"name": "c", "image": "x"}],
            "volumes": [{"name": "v", "secret": {"secretName": "sops-age"}}],
        },
    )


def formatted(value: Any, world: World) -> Any:
    """Names of the apps put in."""
    if isinstance(value, str):
        return value.format(mine=world.mine.name, theirs=world.theirs.name)
    if isinstance(value, Mapping):
        return {key: formatted(each, world) for key, each in value.items()}
    if isinstance(value, list):
        return [formatted(each, world) for each in value]
    return value
