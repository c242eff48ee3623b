"""How apps and secrets are summed up."""

from datetime import timedelta

import pytest

from app_platform.cli import overview
from app_platform.cli.findings import status, summary
from app_platform.cli.options import Exit
from app_platform.contracts import Registration
from app_platform.diagnosis import Finding, State
from support.fakes.diagnosis import condition, healthy_registration, intent
from support.samples import NOW

LATER = NOW + timedelta(seconds=90)


def test_a_secret_tells_where_it_is_live() -> None:
    state = overview.secret_state(intent(target_namespaces="my-app-dev, my-app-prod"), LATER)
    assert (state.name, state.status, state.keys) == ("database", "Committed", ("password", "user"))
    assert (state.targets, state.live, state.age) == (("my-app-dev", "my-app-prod"), ("my-app-dev",), 90)


def test_an_app_counts_each_secret_once() -> None:
    deleting = intent("going")
    deleting["metadata"]["deletionTimestamp"] = NOW.isoformat()
    new = intent("new")
    new["metadata"]["annotations"].clear()
    intents = [
        intent("a"),
        intent("b", secret_status="Failed"),
        intent("c", secret_status="Pending"),
        deleting,
        new,
    ]
    secrets = [overview.secret_state(each, LATER) for each in intents]
    state = overview.app_state(Registration.from_object(healthy_registration()), secrets)
    assert (state.secrets, state.committed, state.failed, state.pending) == (5, 1, 1, 3)
    assert (state.ready, state.part, state.oldest) == ("True", "", 90)


def test_an_app_names_the_part_that_is_not_ready() -> None:
    obj = healthy_registration()
    obj["status"]["conditions"][3] = condition("RepositoryReady", "False", "CredentialRejected", "expired")
    state = overview.app_state(Registration.from_object(obj), None)
    assert (state.part, state.message, state.secrets) == (
        "RepositoryReady",
        "CredentialRejected: expired",
        None,
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (200_000, "2d")],
)
def test_ages_are_short(seconds: int, text: str) -> None:
    assert overview.duration(seconds) == text


def test_findings_are_counted_the_worst_first() -> None:
    made = [Finding("x", "X", state, "d") for state in (State.OK, State.PROBLEM, State.OK, State.PROBLEM)]
    assert summary(made) == "2 problems, 2 ok"


@pytest.mark.parametrize(
    ("states", "exit_status"),
    [
        ((), Exit.DONE),
        ((State.OK, State.WARNING, State.SKIPPED), Exit.DONE),
        ((State.UNKNOWN, State.WARNING), Exit.UNKNOWN),
        ((State.UNKNOWN, State.PROBLEM), Exit.PROBLEM),
    ],
)
def test_the_exit_status_is_that_of_the_worst(states: tuple[State, ...], exit_status: Exit) -> None:
    assert status([Finding("x", "X", state, "d") for state in states]) is exit_status
