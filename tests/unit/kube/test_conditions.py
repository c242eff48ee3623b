"""Conditions: their shape, and when their transition time moves."""

import datetime as dt
from typing import Any

import pytest

from app_platform.kube import condition, find, is_true
from app_platform.kube.conditions import ConditionStatus

THEN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 1, 1, 13, 0, 0, 999, tzinfo=dt.timezone(dt.timedelta(hours=1)))


def make(
    status: ConditionStatus, now: dt.datetime, *previous: dict[str, Any], message: str = ""
) -> dict[str, Any]:
    return condition("Ready", status, "Because", message, generation=3, now=now, previous=previous)


def test_shape() -> None:
    assert make("True", NOW, message="all is well") == {
        "type": "Ready",
        "status": "True",
        "reason": "Because",
        "message": "all is well",
        "observedGeneration": 3,
        "lastTransitionTime": "2026-01-01T12:00:00Z",
    }


def test_the_transition_time_stays_while_the_status_does() -> None:
    before = make("False", THEN, message="old")
    assert make("False", NOW, before, message="new")["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert make("True", NOW, before)["lastTransitionTime"] == "2026-01-01T12:00:00Z"


def test_a_message_fits_into_a_condition() -> None:
    assert len(make("False", NOW, message="x" * 100_000)["message"]) == 32768


@pytest.mark.parametrize(
    ("status", "generation", "expected"),
    [("True", 3, True), ("True", 4, False), ("False", 3, False), ("Unknown", 3, False)],
)
def test_true_is_only_what_was_found_for_the_present_generation(
    status: ConditionStatus,
    generation: int,
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    obj = {"metadata": {"generation": generation}, "status": {"conditions": [make(status, NOW)]}}
    assert is_true(obj, "Ready") == expected


def test_what_is_not_there_is_not_true() -> None:
    assert find([], "Ready") is None
    assert not is_true({"metadata": {"generation": 1}}, "Ready")
