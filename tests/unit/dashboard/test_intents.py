"""A secret as its metadata tells it."""

from collections.abc import Mapping, Sequence
from typing import Any

from app_platform.contracts import Delivery, Stage, names, write_deliveries
from app_platform.dashboard.intents import intent


def metadata(
    managed: Sequence[dict[str, Any]] = (), annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    meta = {
        "name": "database",
        "uid": "u",
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": {**meta, "annotations": annotations or {}, "managedFields": list(managed)}}


def entry(manager: str, time: str, *keys: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "time": time,
        "fieldsV1": {"f:data": {".": {}, **{f"f:{key}": {} for key in keys}}},
    }


def test_names_of_keys_are_known_at_once() -> None:
    read = intent(
        metadata(
            [entry("ada", "2026-01-01T00:00:00Z", "b"), entry("dashboard", "2026-01-02T00:00:00Z", "a.crt")]
        )
    )
    assert read.keys == ("a.crt", "b")
    assert intent(metadata(annotations={names.SECRET_KEYS: "x,y"})).keys == ("x", "y")


def test_who_changed_it_last_is_who_wrote_the_content_last() -> None:
    first, later = entry("ada", "2026-01-01T00:00:00Z", "a"), entry("dashboard", "2026-01-02T00:00:00Z", "a")
    by_dashboard = metadata([first, later], {names.CHANGED_BY: "olga"})
    assert (intent(by_dashboard).changed_by, intent(by_dashboard).changed) == ("olga", "2026-01-02T00:00:00Z")
    assert intent(metadata([first])).changed_by == "ada"
    by_kubectl = metadata(
        [later, entry("kubectl-edit", "2026-01-03T00:00:00Z", "a")], {names.CHANGED_BY: "olga"}
    )
    assert intent(by_kubectl).changed_by == "kubectl-edit"


def test_states() -> None:
    told = write_deliveries(
        {"my-app-dev": Delivery(stage=Stage.APPLIED), "my-app-prod": Delivery(stage=Stage.WAITING)}
    )
    notes = {names.SECRET_DELIVERY: told, names.TARGET_NAMESPACES: "my-app-dev, my-app-prod,my-app-new"}
    read = intent(metadata(annotations=notes))
    assert read.status == "Pending"
    assert [read.stage(target) for target in read.targets] == [Stage.APPLIED, Stage.WAITING, None]
    going = metadata()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert intent(going).status == "Deleting"
