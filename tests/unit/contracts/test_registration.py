"""The registration model: what it takes, what it refuses, and how verdicts become conditions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app_platform.contracts import ConditionType, Registration, Verdict, stamped
from support.samples import APP_NAMES, LATER, NOW, registration, registration_object

SUFFIXES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)


@given(APP_NAMES.filter(lambda n: not n.endswith("-platform")), st.lists(SUFFIXES, unique=True, max_size=5))
def test_namespaces_of_the_app_are_taken(app: str, suffixes: list[str]) -> None:
    wanted = [f"{app}-{s}" for s in suffixes if not f"{app}-{s}".endswith("-platform")]
    read = registration(app, wanted)
    assert read.spec.namespaces == tuple(wanted)
    assert read.platform_namespace == f"{app}-platform"


@given(APP_NAMES, SUFFIXES)
def test_the_platform_namespace_cannot_be_asked_for(app: str, suffix: str) -> None:
    with pytest.raises(ValidationError, match="not end in '-platform'"):
        registration(app, [f"{app}-{suffix}-platform"])
    with pytest.raises(ValidationError, match="not end in '-platform'"):
        registration(app, [f"{app}-platform"])


@given(APP_NAMES, APP_NAMES)
def test_namespaces_of_others_are_refused(app: str, other: str) -> None:
    if not other.startswith(f"{app}-"):
        with pytest.raises(ValidationError, match="must start with"):
            registration(app, [other])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"access": [{"group": "g", "role": "owner"}]}, "role"),
        ({"access": [{"group": "", "role": "admin"}]}, "group"),
        ({"access": [{"role": "admin"}]}, "group"),
        ({"displayName": "x" * 129}, "displayName"),
        ({"description": "x" * 1025}, "description"),
        ({"namespaces": [f"my-app-{n}" for n in range(65)]}, "namespaces"),
    ],
)
def test_a_broken_rule_is_named(change: dict[str, Any], field: str) -> None:
    obj = registration_object()
    obj["spec"] |= change
    with pytest.raises(ValidationError, match=field):
        Registration.from_object(obj)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("my-platform", {}),
        ("a" * 55, {}),
        ("my-app", {"access": [{"group": "system:masters", "role": "admin"}]}),
        ("my-app", {"namespaces": ["my-app-Dev"]}),
        ("my-app", {"namespaces": ["my-app-dev", "my-app-dev"]}),
    ],
)
def test_the_model_refuses_what_the_api_server_refuses(name: str, change: dict[str, Any]) -> None:
    obj = registration_object(name, ())
    obj["spec"] |= change
    with pytest.raises(ValidationError):
        Registration.from_object(obj)


def test_what_the_api_server_returns_is_read() -> None:
    obj = registration_object(finalizers=["labrats.work/x"], deletionTimestamp="2026-01-31T12:00:00Z")
    obj["status"] = {
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Ready",
                "message": "",
                "lastTransitionTime": "2026-01-31T12:00:00Z",
            }
        ],
        "repository": {"url": "u", "branch": "main", "headSha": "abc"},
        "recipient": "age1x",
        "laterField": 1,
    }
    read = Registration.from_object(obj)
    assert (read.name, read.uid, read.generation, read.deleting) == ("my-app", "uid-my-app", 1, True)
    assert read.finalizers == ("labrats.work/x",)
    assert (read.status.recipient, read.status.repository.head_sha) == ("age1x", "abc")
    condition = read.status.condition(ConditionType.READY)
    assert condition is not None
    assert condition.status == "True"
    assert read.status.condition(ConditionType.SYNC) is None


def test_an_empty_registration_is_one_without_namespaces() -> None:
    read = Registration.from_object({"metadata": {"name": "a"}})
    assert (read.spec.namespaces, read.spec.access, read.deleting) == ((), (), False)


def test_a_registration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        registration().name = "other"  # type: ignore[misc]  # that is what is refused


def with_condition(*, status: bool, **meta: Any) -> Registration:
    """A registration whose NamespacesReady was stamped at NOW."""
    condition = stamped(registration(), Verdict(ConditionType.NAMESPACES, "R", "m", ok=status), NOW)
    obj = registration_object(**meta)
    obj["status"] = {"conditions": [condition.model_dump(mode="json", by_alias=True)]}
    return Registration.from_object(obj)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_the_transition_time_moves_with_the_status_only(before: bool, after: bool) -> None:  # noqa: FBT001 - parametrized
    verdict = Verdict(ConditionType.NAMESPACES, "Other", "other", ok=after)
    condition = stamped(with_condition(status=before), verdict, LATER)
    assert condition.last_transition_time == (NOW if before is after else LATER)
    assert (condition.status, condition.reason, condition.message) == (str(after), "Other", "other")


def test_a_condition_says_which_generation_it_saw() -> None:
    verdict = Verdict(ConditionType.NAMESPACES, "R", "m", ok=True)
    assert stamped(with_condition(status=True, generation=4), verdict, LATER).observed_generation == 4


def test_a_first_condition_has_the_present_time_in_whole_seconds() -> None:
    precise = NOW.replace(microsecond=123)
    verdict = Verdict(ConditionType.SYNC, "R", "m", ok=False)
    assert stamped(registration(), verdict, precise).last_transition_time == NOW


def test_a_message_is_cut_to_what_kubernetes_takes() -> None:
    verdict = Verdict(ConditionType.SYNC, "R", "x" * 40_000, ok=False)
    assert len(stamped(registration(), verdict, NOW).message) == 32_768
