"""What the stand-in for source-controller reads from a GitRepository and writes into its status."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app_platform.local.source.status import (
    Artifact,
    RefusedError,
    Wanted,
    event,
    failed,
    retry_delay,
    seconds,
    succeeded,
    trigger,
    wanted,
)

EARLIER = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 1, 1, 12, 5, 0, tzinfo=UTC)
ARTIFACT = Artifact("gitrepository/n/a/c.tar.gz", "http://h/c.tar.gz", "sha256:1", "main@sha1:c", 10)


def repository(status: dict[str, Any] | None = None, requested: str = "", **spec: Any) -> dict[str, Any]:
    annotations = {"reconcile.fluxcd.io/requestedAt": requested} if requested else {}
    metadata = {"namespace": "n", "name": "a", "generation": 3, "annotations": annotations}
    return {
        "metadata": metadata,
        "spec": {"url": "https://h/r.git", "interval": "1m", **spec},
        "status": status,
    }


def ready(status: dict[str, Any]) -> dict[str, Any]:
    condition: dict[str, Any] = status["conditions"][0]
    return condition


def test_what_is_wanted() -> None:
    item = repository(ref={"branch": "main"}, secretRef={"name": "git"})
    assert wanted(item) == Wanted("https://h/r.git", "main", "git")
    assert wanted(repository()) == Wanted("https://h/r.git", "master", "")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"url": "ssh://git@h/r.git"}, "secretRef"),
        ({"url": "git@h:r.git"}, "http, https and ssh only"),
        ({"url": "ext::sh -c id"}, "http, https and ssh only"),
        ({"url": "file:///etc"}, "http, https and ssh only"),
        ({"ref": {"tag": "v1"}}, "not tag"),
    ],
)
def test_what_is_left_out_is_refused_with_words(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        wanted(repository(**spec))


@pytest.mark.parametrize(
    ("text", "expected"), [("1m", 60), ("1h0m5s", 3605), ("500ms", 0.5), ("1.5s", 1.5), ("10m0s", 600)]
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_a_request_and_a_new_generation_are_due_at_once() -> None:
    quiet = trigger(repository())
    assert trigger(repository(status={"anything": 1})) == quiet
    assert trigger(repository(requested="now")) != quiet
    changed = repository()
    changed["metadata"]["generation"] += 1
    assert trigger(changed) != quiet


def test_retries_slow_down_but_never_below_the_interval() -> None:
    assert [retry_delay(failures, 600) for failures in (1, 2, 3, 9)] == [1, 2, 4, 30]
    assert retry_delay(9, 5) == 5


def test_success_says_everything_kustomize_controller_asks_for() -> None:
    status = succeeded(repository(requested="t1"), ARTIFACT, EARLIER)
    assert status["observedGeneration"] == 3
    assert status["lastHandledReconcileAt"] == "t1"
    assert (ready(status)["status"], ready(status)["reason"]) == ("True", "Succeeded")
    assert status["artifact"] == {
        "path": "gitrepository/n/a/c.tar.gz",
        "url": "http://h/c.tar.gz",
        "digest": "sha256:1",
        "revision": "main@sha1:c",
        "size": 10,
        "lastUpdateTime": "2026-01-01T12:00:00Z",
    }


def test_an_unchanged_artifact_changes_no_byte_of_the_status() -> None:
    first = succeeded(repository(), ARTIFACT, EARLIER)
    assert succeeded(repository(first), ARTIFACT, LATER) == first


def test_a_failure_keeps_the_artifact_and_dates_the_change() -> None:
    before = succeeded(repository(), ARTIFACT, EARLIER)
    status = failed(repository(before), "GitOperationFailed", "no route", LATER)
    assert "artifact" not in status  # merged into what is there, so the old one stays
    assert ready(status)["lastTransitionTime"] == "2026-01-01T12:05:00Z"
    again = failed(repository({**before, **status}), "GitOperationFailed", "no route", datetime.now(UTC))
    assert again == status


def test_a_message_has_a_bound() -> None:
    assert len(ready(failed(repository(), "GitOperationFailed", "x" * 5000, EARLIER))["message"]) == 1000


def test_an_event_tells_of_a_change_and_of_nothing_else() -> None:
    item = repository() | {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository"}
    item["metadata"] |= {"uid": "u", "resourceVersion": "7"}
    fetched = succeeded(item, ARTIFACT, EARLIER)
    told = event(item, fetched, EARLIER)
    assert told is not None
    assert (told["type"], told["reason"]) == ("Normal", "NewArtifact")
    assert told["message"] == "stored artifact for revision 'main@sha1:c'"
    assert told["involvedObject"]["uid"] == "u"
    assert told["metadata"] == {"name": "a.7", "namespace": "n"}

    item["status"] = fetched
    item["metadata"]["annotations"] = {"reconcile.fluxcd.io/requestedAt": "now"}
    assert event(item, succeeded(item, ARTIFACT, LATER), LATER) is None
    refused = event(item, failed(item, "GitOperationFailed", "no such branch", LATER), LATER)
    assert refused is not None
    assert (refused["type"], refused["reason"]) == ("Warning", "GitOperationFailed")
