"""Kustomizations: how they are read, entered, drawn, and what is advised."""

from typing import Any

import pytest

from app_platform.contracts import Registration
from app_platform.dashboard.flux.advice import advice
from app_platform.dashboard.flux.graph import MISSING, MOST, graph
from app_platform.dashboard.flux.objects import conditions
from app_platform.dashboard.flux.refusals import SYNC_FIELDS, at_field
from app_platform.dashboard.flux.sync_entries import Choices, SyncEntry, entry_of, sync_entry, sync_faults
from app_platform.dashboard.flux.syncs import Applied, inventory, sync
from app_platform.dashboard.web.forms import Form
from app_platform.kube import Invalid

REGISTRATION = Registration.from_object(
    {
        "metadata": {"name": "my-app", "uid": "u", "generation": 1, "resourceVersion": "1"},
        "spec": {"namespaces": ["my-app-prod"]},
    }
)


def kustomization(
    name: str, *waits: str, ready: str = "True", reason: str = "", **spec: Any
) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": "m", "observedGeneration": 1}
    return {
        "metadata": {"name": name, "generation": 1},
        "spec": {
            "interval": "10m",
            "path": "./k8s",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "web"},
            "dependsOn": [{"name": each} for each in waits],
            **spec,
        },
        "status": {"conditions": [condition], "observedGeneration": 1},
    }


def choices(*others: dict[str, Any]) -> Choices:
    return Choices(["web"], ["my-app-prod"], {each["metadata"]["name"]: each for each in others})


GOOD = {"name": "prod", "source": "web", "path": "k8s/overlays/production", "interval": "10m", "prune": "on"}


def entered(**changed: Any) -> SyncEntry:
    fields = {**GOOD, **changed}
    return sync_entry(Form({k: v if isinstance(v, list) else [v] for k, v in fields.items()}))


def test_a_form_becomes_what_the_policies_ask_for() -> None:
    entry = entered(target="my-app-prod", depends=["infra", "infra"])
    assert sync_faults(entry, choices(kustomization("infra"))) == {}
    assert entry.spec() == {
        "sourceRef": {"kind": "GitRepository", "name": "web"},
        "path": "./k8s/overlays/production",
        "interval": "10m",
        "prune": True,
        "targetNamespace": "my-app-prod",
        "dependsOn": [{"name": "infra"}],
        "serviceAccountName": "flux",
        "retryInterval": "1m",
        "timeout": "3m",
    }


@pytest.mark.parametrize(
    ("path", "written"), [("", "./"), ("./", "./"), ("/k8s/", "./k8s"), ("./k8s", "./k8s"), ("k8s", "./k8s")]
)
def test_paths_begin_at_the_root_of_the_repository(path: str, written: str) -> None:
    assert entered(path=path).spec()["path"] == written


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "Prod", "lower-case"),
        ("source", "", "Choose the Git repository"),
        ("source", "my-app-platform", "no Git repository my-app-platform"),
        ("path", "../other", "inside the repository"),
        ("path", "a/../../b", "inside the repository"),
        ("interval", "often", "number and a unit"),
        ("target", "other-app-prod", "not a namespace of this app"),
        ("depends", ["gone"], "no Kustomization gone"),
        ("depends", ["prod"], "wait for itself: prod → prod"),
        ("depends", ["late"], "wait for itself: prod → late → prod"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(field: str, value: Any, said: str) -> None:
    faults = sync_faults(entered(**{field: value}), choices(kustomization("late", "prod")))
    assert faults.keys() == {field}
    assert said in faults[field]


def test_an_edit_keeps_what_the_form_does_not_show() -> None:
    obj = kustomization("prod", dependsOn=[{"name": "infra", "readyExpr": "x"}, {"name": "old"}], wait=True)
    entry = entry_of(sync(obj))
    assert entry.path == "k8s"
    changed = SyncEntry(**{**vars(entry), "depends": ("infra", "new")})
    spec = changed.spec(obj["spec"])
    assert spec["dependsOn"] == [{"name": "infra", "readyExpr": "x"}, {"name": "new"}]
    assert "wait" not in spec
    assert "timeout" not in spec
    assert SyncEntry(**{**vars(entry), "depends": ()}).spec(obj["spec"])["dependsOn"] is None


def test_the_inventory_is_read() -> None:
    entries = [
        {"id": "my-app-prod_web_apps_Deployment", "v": "v1"},
        {"id": "_system__x_rbac.authorization.k8s.io_ClusterRole", "v": "v1"},
        {"id": "nonsense", "v": "v1"},
    ]
    assert inventory({"inventory": {"entries": entries}}) == [
        Applied("ClusterRole", "system:x", "", "rbac.authorization.k8s.io", "v1"),
        Applied("Deployment", "web", "my-app-prod", "apps", "v1"),
    ]


@pytest.mark.parametrize(
    ("spec", "along"),
    [
        ({}, True),
        ({"prune": False}, False),
        ({"deletionPolicy": "Orphan"}, False),
        ({"prune": False, "deletionPolicy": "Delete"}, True),
        ({"suspend": True}, False),
    ],
)
def test_whether_deleting_takes_along_what_is_deployed(spec: dict[str, Any], along: bool) -> None:  # noqa: FBT001 - a table
    assert sync(kustomization("prod", **spec)).takes_along is along


def test_who_waits_stands_right_of_whom_it_waits_for() -> None:
    drawn = graph([sync(each) for each in (
        kustomization("late", "prod", "infra"), kustomization("prod", "infra", "gone"), kustomization("infra"), kustomization("alone"),
    )])  # fmt: skip
    places = {box.name: box.x for box in drawn.boxes}
    assert places["infra"] == places["gone"] < places["prod"] < places["late"]
    assert "alone" not in places
    assert {box.name: box.state for box in drawn.boxes}["gone"] == MISSING
    assert len(drawn.arrows) == 4
    assert sum(arrow.open for arrow in drawn.arrows) == 3
    assert len({(box.x, box.y) for box in drawn.boxes}) == len(drawn.boxes)
    assert all(box.x + 208 <= drawn.width and box.y + 48 <= drawn.height for box in drawn.boxes)


def test_a_circle_is_drawn() -> None:
    circle = graph(
        [sync(kustomization("a", "b")), sync(kustomization("b", "a")), sync(kustomization("c", "c"))]
    )
    assert {box.name for box in circle.boxes} == {"a", "b", "c"}
    assert len(circle.arrows) == 3


def test_nothing_is_drawn_when_nothing_waits() -> None:
    assert not graph([sync(kustomization("a"))]).boxes


def test_what_is_too_large_to_be_looked_at_is_not_drawn() -> None:
    chain = [sync(kustomization(f"k{number}", f"k{number - 1}")) for number in range(1, MOST)]
    assert len(graph(chain).boxes) == MOST
    assert not graph([*chain, sync(kustomization("one", "more"))]).boxes


def test_long_names_keep_both_ends() -> None:
    name = "my-app-with-a-very-long-name-production"
    box = next(box for box in graph([sync(kustomization(name, "x"))]).boxes if box.name == name)
    assert box.label == "my-app-wit…production"


def test_advice_says_which_dependency_and_why() -> None:
    infra = kustomization("infra", ready="False", reason="BuildFailed")
    prod = kustomization("prod", "infra", ready="False", reason="DependencyNotReady")
    found = advice(REGISTRATION, [_fetched()], [infra, prod], "Kustomization", "prod")
    assert [each.check for each in found] == ["depends-on"]
    assert "it waits for 'infra', which is not ready: BuildFailed" in found[0].detail
    assert "Check spec.dependsOn" in found[0].advice


def test_there_is_no_advice_when_all_is_well() -> None:
    assert advice(REGISTRATION, [_fetched()], [kustomization("prod")], "Kustomization", "prod") == []


@pytest.mark.parametrize(
    ("kind", "status", "tone"),
    [
        ("Ready", "True", "good"),
        ("Ready", "False", "bad"),
        ("Ready", "Unknown", "busy"),
        ("Reconciling", "True", "busy"),
        ("Stalled", "True", "bad"),
        ("FetchFailed", "True", "bad"),
        ("ArtifactInStorage", "True", "good"),
    ],
)
def test_conditions_are_coloured_by_what_they_mean(kind: str, status: str, tone: str) -> None:
    [found] = conditions({"status": {"conditions": [{"type": kind, "status": status}]}})
    assert found.tone == tone


def test_refusals_stand_at_their_field() -> None:
    said = "x denied request: spec.targetNamespace must be a namespace of my-app, for instance my-app-prod"
    assert at_field(Invalid(said), SYNC_FIELDS) == {
        "target": "The target namespace must be a namespace of my-app, for instance my-app-prod."
    }


def _fetched() -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "generation": 1},
        "spec": {
            "url": "ssh://git@github.com/acme/web",
            "interval": "1m",
            "secretRef": {"name": "deploy-key-web"},
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "observedGeneration": 1},
    }
