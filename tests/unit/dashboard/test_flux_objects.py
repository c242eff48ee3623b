"""How GitRepositories and Kustomizations are read."""

from typing import Any

import pytest

from app_platform.dashboard.flux.happenings import newest
from app_platform.dashboard.flux.objects import REQUESTED_AT, State, revision
from app_platform.dashboard.flux.refusals import SOURCE_FIELDS, at_field
from app_platform.dashboard.flux.sources import source
from app_platform.kube import AlreadyExists, Cause, Forbidden, Invalid

COMMIT = "65f1c4e7928031fb7a79b1b213b1f2dbffd2ba88"


def ready(
    status: str = "True", reason: str = "Succeeded", message: str = "", seen: int = 2
) -> dict[str, Any]:
    return {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": seen,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def obj(
    *conditions: dict[str, Any], meta: Any = None, spec: Any = None, status: Any = None
) -> dict[str, Any]:
    return {
        "metadata": {"name": "shop", "uid": "u", "generation": 2, **(meta or {})},
        "spec": {"url": "ssh://git@github.com/acme/shop.git", "interval": "1m", **(spec or {})},
        "status": {"conditions": list(conditions), **(status or {})},
    }


ASKED = {"annotations": {REQUESTED_AT: "now"}}


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (obj(), State.PENDING),
        (obj(ready()), State.READY),
        (obj(ready("False", "GitOperationFailed")), State.FAILED),
        (obj(ready("False", "DependencyNotReady")), State.WAITING),
        (obj(ready("Unknown")), State.RECONCILING),
        (obj(ready(seen=1)), State.RECONCILING),
        (obj(ready(), meta=ASKED), State.RECONCILING),
        (obj(ready(), meta=ASKED, status={"lastHandledReconcileAt": "now"}), State.READY),
        (obj(ready(), spec={"suspend": True}), State.SUSPENDED),
        (obj(ready(), meta={"deletionTimestamp": "now"}), State.DELETING),
    ],
)
def test_how_it_stands(found: dict[str, Any], state: State) -> None:
    assert source(found).state == state


def test_messages_hold_no_value_and_urls_no_password() -> None:
    found = source(
        obj(
            ready("False", "GitOperationFailed", 'Invalid value: "hunter2": at https://me:hunter2@host/x'),
            spec={"url": "https://me:hunter2@host/x"},
        )
    )
    assert "hunter2" not in repr(found)
    assert found.url == "https://me@host/x"


def test_what_the_platform_made_is_not_to_be_changed() -> None:
    labels = {"labels": {"app.kubernetes.io/managed-by": "app-platform"}}
    assert not source(obj(ready(), meta=labels)).changeable
    assert source(obj(ready())).changeable


@pytest.mark.parametrize(
    ("ref", "branch", "follows"),
    [
        ({"branch": "main"}, "main", "main"),
        (None, "master", "master"),
        ({"tag": "v1"}, "", "tag v1"),
        ({"branch": "main", "commit": "abc"}, "", "commit abc"),
        ({"semver": ">=1", "tag": "v1"}, "", "semver >=1"),
    ],
)
def test_what_it_follows(ref: Any, branch: str, follows: str) -> None:
    found = source(obj(spec={"ref": ref} if ref else {}))
    assert (found.branch, found.follows) == (branch, follows)


def test_a_revision_is_a_reference_and_a_commit() -> None:
    found = source(obj(status={"artifact": {"revision": f"main@sha1:{COMMIT}"}}))
    assert found.revision is not None
    assert (found.revision.ref, found.revision.short) == ("main", "65f1c4e7")


@pytest.mark.parametrize("text", ["main", "latest@", "main/abc"])
def test_a_revision_that_is_no_commit_is_shown_as_it_is(text: str) -> None:
    found = revision(text)
    assert found is not None
    assert (found.short, found.commit) == (text, "")


def test_refusals_stand_at_their_field() -> None:
    policy = (
        "admission webhook: denied request: choose another name: this one is kept for the GitRepository that the App Platform manages",
        "x denied request: spec.url must name one of these hosts: github.com",
    )
    assert at_field(Invalid(policy[0]), SOURCE_FIELDS).keys() == {"name"}
    assert at_field(Invalid(policy[1]), SOURCE_FIELDS) == {
        "url": "The URL must name one of these hosts: github.com."
    }
    schema = Invalid(
        "bad", causes=(Cause("spec.interval", "FieldValueInvalid", 'Invalid value: "x": must be a duration'),)
    )
    assert at_field(schema, SOURCE_FIELDS) == {"interval": "The interval must be a duration."}
    assert at_field(AlreadyExists("x"), SOURCE_FIELDS).keys() == {"name"}
    rbac = Forbidden(
        'gitrepositories is forbidden: User "x" cannot create resource "gitrepositories" in API group'
    )
    assert at_field(rbac, SOURCE_FIELDS).keys() == {""}


def test_events_of_a_former_object_of_that_name_are_left_out() -> None:
    def event(uid: str, when: str, kind: str = "Normal") -> dict[str, Any]:
        return {
            "metadata": {},
            "involvedObject": {"uid": uid},
            "lastTimestamp": when,
            "type": kind,
            "reason": "R",
            "message": 'Invalid value: "hunter2": no',
            "count": 2,
        }

    found = newest([event("u", "1"), event("former", "2"), event("u", "3", "Warning")], "u")
    assert [(each.when, each.good, each.count) for each in found] == [("3", False, 2), ("1", True, 2)]
    assert all("hunter2" not in each.message for each in found)
