"""What bad input gets: a refusal or a reason that says what to change; it heals when corrected, and stops nobody else."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.kube import NAMESPACES, ROLE_BINDINGS, Invalid, KubeError, Object
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import Platform
from support.apps import CANARY, PATIENCE, App
from support.cluster import Cluster
from support.platform import eventually

REFUSED: dict[str, tuple[str, Mapping[str, Any], str]] = {
    "a name that is too long": ("a" * 55, {}, "metadata.name must be a DNS label of at most 54"),
    "a name with a dot": ("my.app", {}, "metadata.name must be a DNS label"),
    "a name of a platform namespace": ("my-platform", {}, "metadata.name may not end in '-platform'"),
    "a namespace of another prefix": (
        "bad",
        {"namespaces": ["good-dev"]},
        "spec.namespaces must start with the app's name",
    ),
    "the app's name alone as namespace": ("bad", {"namespaces": ["bad"]}, "spec.namespaces must start with"),
    "a namespace that is no DNS label": (
        "bad",
        {"namespaces": ["bad-Dev"]},
        r"spec.namespaces\[0\]: .*must be a DNS label",
    ),
    "a namespace that is too long": (
        "bad",
        {"namespaces": ["bad-" + "x" * 60]},
        r"spec.namespaces\[0\]: Too long",
    ),
    "a namespace twice": (
        "bad",
        {"namespaces": ["bad-dev", "bad-dev"]},
        r"spec.namespaces\[1\]: Duplicate value",
    ),
    "a platform namespace": (
        "bad",
        {"namespaces": ["bad-x-platform"]},
        r"spec.namespaces\[0\]: .*may not end in '-platform'",
    ),
    "too many namespaces": (
        "bad",
        {"namespaces": [f"bad-{number}" for number in range(65)]},
        "spec.namespaces: Too many",
    ),
    "a group of Kubernetes itself": (
        "bad",
        {"access": [{"group": "system:masters", "role": "reader"}]},
        r"spec.access\[0\].group: .*may not start with 'system:'",
    ),
    "an access entry without a group": ("bad", {"access": [{"role": "reader"}]}, r"spec.access\[0\].group"),
    "an empty group": (
        "bad",
        {"access": [{"group": "", "role": "reader"}]},
        r"spec.access\[0\].group",
    ),
    "an unknown role": (
        "bad",
        {"access": [{"group": "a", "role": "owner"}]},
        r"spec.access\[0\].role: Unsupported value",
    ),
    "an access entry twice": (
        "bad",
        {"access": [{"group": "a", "role": "reader"}] * 2},
        r"spec.access\[1\]: Duplicate value",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_registration_that_breaks_a_rule_is_refused_naming_the_field(cluster: Cluster, case: str) -> None:
    name, spec, message = REFUSED[case]
    manifest = REGISTRATIONS.manifest(name, spec=dict(spec))
    with pytest.raises(Invalid, match=message):
        cluster.do(lambda client: client.create(REGISTRATIONS, manifest))


def test_a_namespace_of_another_app_is_a_conflict_and_stays_theirs(
    app: App, whole_platform: Platform, cluster: Cluster
) -> None:
    theirs = App(whole_platform, cluster, f"{app.name}-b")  # so that both prefixes fit the same namespaces
    theirs.register()
    theirs.until_ready()
    before = footprint(cluster, theirs)
    app.register([app.dev, theirs.prod], [{"group": "a", "role": "admin"}])
    eventually(
        lambda: app.condition("NamespacesReady").get("reason") == "NamespaceConflict",
        "the conflict shown",
        within=PATIENCE,
    )
    shown = app.condition("NamespacesReady")
    assert shown["status"] == "False"
    assert theirs.prod in shown["message"]
    assert theirs.name in shown["message"]
    eventually(lambda: app.condition("Ready").get("status") == "False", "the app not Ready")
    assert footprint(cluster, theirs) == before

    app.create("database", [app.dev])  # what is not in conflict is served
    eventually(
        lambda: "database" in app.live(app.dev), "delivered where there is no conflict", within=PATIENCE
    )
    app.register()
    app.until_ready()


def test_an_app_whose_only_namespace_is_another_apps_is_told_so(
    app: App, whole_platform: Platform, cluster: Cluster
) -> None:
    contested = f"{app.name}-b-dev"  # both prefixes fit
    app.register([app.dev, contested])
    app.until_ready()
    late = App(whole_platform, cluster, f"{app.name}-b")
    late.register([contested])
    eventually(
        lambda: late.condition("Ready").get("reason") == "NamespaceConflict", "it says so", within=PATIENCE
    )
    assert app.name in late.condition("NamespacesReady")["message"]


def footprint(cluster: Cluster, app: App) -> list[tuple[str, str]]:
    """Everything that a conflict could touch in an app's namespace, by name and version."""
    namespace = cluster.do(lambda client: client.get(NAMESPACES, app.prod))
    bindings = cluster.do(lambda client: client.list(ROLE_BINDINGS, app.prod))
    return sorted((x["metadata"]["name"], x["metadata"]["resourceVersion"]) for x in [namespace, *bindings])


def test_a_namespace_that_was_there_is_adopted_only_when_annotated(app: App, cluster: Cluster) -> None:
    name = f"{app.name}-old"
    cluster.do(lambda client: client.create(NAMESPACES, NAMESPACES.manifest(name)))
    app.register([app.dev, name])
    eventually(
        lambda: app.condition("NamespacesReady").get("reason") == "NamespaceConflict",
        "the conflict shown",
        within=PATIENCE,
    )
    assert names.ADOPT in app.condition("NamespacesReady")["message"]
    assert names.APP_LABEL not in labels(cluster, name)
    note = {"metadata": {"annotations": {names.ADOPT: app.name}}}
    cluster.do(lambda client: client.merge_patch(NAMESPACES, name, None, note))
    app.register([app.dev, name, app.prod])  # looked at again with the next change
    app.until_ready()
    assert labels(cluster, name)[names.APP_LABEL] == app.name


def labels(cluster: Cluster, namespace: str) -> dict[str, str]:
    found: Object = cluster.do(lambda client: client.get(NAMESPACES, namespace))
    return dict(found["metadata"].get("labels", {}))


def correct_targets(app: App) -> Mapping[str, Any]:
    return {"metadata": {"annotations": {names.TARGET_NAMESPACES: app.prod}}}


def add_key(app: App) -> Mapping[str, Any]:
    return {"stringData": {"password": f"{CANARY}-1"}}


Correction = Callable[[App], Mapping[str, Any]]

FAILING: dict[str, tuple[str | None, dict[str, str], str, Correction]] = {
    "an unknown target": ("{app}-nowhere", {"password": CANARY}, "'{app}-nowhere'", correct_targets),
    "one unknown target among known ones": (
        "{app}-prod, {app}-nowhere",
        {"password": CANARY},
        "'{app}-nowhere'",
        correct_targets,
    ),
    "a namespace of another app": ("kube-system", {"password": CANARY}, "'kube-system'", correct_targets),
    "the platform namespace": ("{app}-platform", {"password": CANARY}, "'{app}-platform'", correct_targets),
    "a path as target": ("../{app}-prod", {"password": CANARY}, "'../{app}-prod'", correct_targets),
    "no annotation of targets": (None, {"password": CANARY}, names.TARGET_NAMESPACES, correct_targets),
    "no targets": (" , ", {"password": CANARY}, names.TARGET_NAMESPACES, correct_targets),
    "no keys": ("{app}-prod", {}, "at least one key", add_key),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_bad_intent_fails_with_the_reason_and_heals_when_corrected(app: App, case: str) -> None:
    targets, values, message, correction = FAILING[case]
    app.create_raw("bad", targets and targets.format(app=app.name), values)
    app.create("good")  # the same batch, or the next one
    eventually(lambda: app.status("bad") == "Failed", "the intent Failed", within=PATIENCE)
    assert message.format(app=app.name) in app.annotation("bad", names.SECRET_MESSAGE)
    assert CANARY not in app.annotation("bad", names.SECRET_MESSAGE)
    eventually(lambda: app.status("good") == "Committed", "the good one Committed", within=PATIENCE)
    assert {path.rpartition("/")[2] for path in app.files()} == {"good.yaml"}

    app.patch("bad", correction(app))
    eventually(lambda: app.status("bad") == "Committed", "the bad one healed", within=PATIENCE)
    eventually(lambda: "bad" in app.live(app.prod), "and delivered", within=PATIENCE)
    assert not app.annotation("bad", names.SECRET_MESSAGE)


def test_an_intent_that_turns_bad_keeps_what_was_delivered(app: App) -> None:
    app.create("database")
    app.settle()
    files = app.files()
    app.patch("database", {"metadata": {"annotations": {names.TARGET_NAMESPACES: "nowhere"}}})
    eventually(lambda: app.status("database") == "Failed", "the intent Failed", within=PATIENCE)
    app.create("marker")
    eventually(lambda: app.status("marker") == "Committed", "another one Committed", within=PATIENCE)
    assert files.items() <= app.files().items()
    app.retarget("database", app.dev, app.prod)
    app.settle()


def test_an_intent_whose_namespace_comes_later_heals_by_itself(app: App) -> None:
    later = f"{app.name}-later"
    app.create_raw("early", later, {"password": CANARY})
    eventually(lambda: app.status("early") == "Failed", "the intent Failed", within=PATIENCE)
    app.register([app.dev, app.prod, later])
    eventually(lambda: app.status("early") == "Committed", "healed by the registration", within=PATIENCE)
    eventually(lambda: "early" in app.live(later), "and delivered", within=PATIENCE)


def test_a_bad_intent_can_be_deleted(app: App) -> None:
    app.create_raw("bad", "nowhere", {"password": CANARY})
    eventually(lambda: app.status("bad") == "Failed", "the intent Failed", within=PATIENCE)
    app.delete("bad")
    app.settle()


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"not/valid": CANARY}, r"data\[not/valid\]"),
        ({"big": CANARY + "x" * 1_100_000}, "data FieldValueTooLong"),
    ],
    ids=["a key that is not valid", "too large"],
)
def test_what_kubernetes_refuses_itself_names_the_field_and_no_value(
    app: App, values: dict[str, str], fault: str
) -> None:
    with pytest.raises(KubeError, match=fault) as refused:
        app.create_raw("bad", app.prod, values)
    assert CANARY not in str(refused.value)
