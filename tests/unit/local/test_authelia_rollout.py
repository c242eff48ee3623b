"""A rolling update as Kubernetes does it: which process serves, which may go, and what the Deployment says meanwhile."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from app_platform.local.authelia.rollout import Rollout
from app_platform.local.authelia.status import Situation, is_written, status, template_hash

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = datetime(2030, 1, 2, tzinfo=UTC)
PATIENCE = 10.0


@dataclass(eq=False)
class FakeProcess:
    """A process that listens when told to."""

    template: str
    port: int = 0


class World:
    """A rollout, its processes and its clock."""

    def __init__(self) -> None:
        self.time = 100.0
        self.started: list[FakeProcess] = []
        self.rollout = Rollout(self._start, lambda: self.time)

    def _start(self, template: str) -> FakeProcess:
        self.started.append(FakeProcess(template))
        return self.started[-1]

    def running(self, template: str, port: int) -> FakeProcess:
        """Turn to a template whose process becomes ready."""
        self.rollout.turn_to(template)
        self.started[-1].port = port
        self.rollout.turn_to(template)
        return self.started[-1]

    def reason(self, template: str) -> str:
        """What condition Progressing says."""
        told = status(deployment(), self.rollout.situation(template, PATIENCE), NOW)
        return str(told["conditions"][1]["reason"])


@pytest.fixture
def world() -> World:
    return World()


def deployment(**changes: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "authelia", "generation": 3},
        "spec": {"replicas": 1, "template": {}},
        **changes,
    }


def test_the_first_process_serves_when_it_is_ready(world: World) -> None:
    assert world.rollout.turn_to("a") == []
    assert (world.rollout.port, world.reason("a")) == (0, "ReplicaSetUpdated")
    world.started[0].port = 1
    assert world.rollout.turn_to("a") == []
    assert (world.rollout.port, world.reason("a")) == (1, "NewReplicaSetAvailable")


def test_the_old_process_serves_until_the_new_one_is_ready_and_then_goes(world: World) -> None:
    old = world.running("a", 1)
    assert world.rollout.turn_to("b") == []
    assert (world.rollout.port, world.reason("b")) == (1, "ReplicaSetUpdated")
    world.started[-1].port = 2
    assert world.rollout.turn_to("b") == [old]
    assert (world.rollout.port, world.reason("b")) == (2, "NewReplicaSetAvailable")


def test_a_process_that_never_becomes_ready_is_given_up_and_the_old_one_serves_on(world: World) -> None:
    world.running("a", 1)
    world.rollout.turn_to("b")
    assert world.rollout.remaining(PATIENCE) == PATIENCE
    world.time += PATIENCE
    assert (world.rollout.port, world.reason("b")) == (1, "ProgressDeadlineExceeded")
    world.started[-1].port = 2
    world.rollout.turn_to("b")
    assert world.reason("b") == "NewReplicaSetAvailable"


def test_going_back_needs_no_new_process(world: World) -> None:
    world.running("a", 1)
    world.rollout.turn_to("b")
    failed = world.started[-1]
    assert world.rollout.turn_to("a") == [failed]
    assert [each.template for each in world.started] == ["a", "b"]
    assert (world.rollout.port, world.reason("a")) == (1, "NewReplicaSetAvailable")


def test_a_third_template_replaces_the_one_that_is_not_ready(world: World) -> None:
    world.running("a", 1)
    world.rollout.turn_to("b")
    failed = world.started[-1]
    assert world.rollout.turn_to("c") == [failed]
    assert (world.rollout.port, world.reason("c")) == (1, "ReplicaSetUpdated")


def test_a_process_that_crashes_later_is_no_failed_rollout(world: World) -> None:
    process = world.running("a", 1)
    process.port = 0
    world.time += PATIENCE * 2
    world.rollout.turn_to("a")
    assert (world.rollout.port, world.reason("a")) == (0, "NewReplicaSetAvailable")


def test_without_replicas_nothing_runs(world: World) -> None:
    process = world.running("a", 1)
    assert world.rollout.turn_to("") == [process]
    assert world.rollout.port == 0


@pytest.mark.parametrize(
    ("situation", "counts", "available"),
    [
        (Situation("a"), (None, None, None, 1), "False"),
        (Situation("a", new_exists=True), (1, 1, None, 1), "False"),
        (Situation("a", new_exists=True, new_ready=True, completed=True), (1, 1, 1, None), "True"),
        (Situation("a", new_exists=True, old_exists=True, old_ready=True), (2, 1, 1, 1), "True"),
    ],
)
def test_counts_are_those_of_kubernetes(
    situation: Situation, counts: tuple[int | None, ...], available: str
) -> None:
    told = status(deployment(), situation, NOW)
    names = ("replicas", "updatedReplicas", "availableReplicas", "unavailableReplicas")
    assert tuple(told[name] for name in names) == counts
    assert told["observedGeneration"] == 3
    assert told["conditions"][0]["status"] == available


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    waiting = status(deployment(), Situation("a", new_exists=True), NOW)
    overdue = status(deployment(status=waiting), Situation("a", new_exists=True, overdue=True), LATER)
    available, progressing = overdue["conditions"]
    assert available["lastTransitionTime"] == "2030-01-01T00:00:00Z"
    assert progressing["lastTransitionTime"] == "2030-01-02T00:00:00Z"


def test_what_is_written_already_is_not_written_again() -> None:
    told = status(deployment(), Situation("a", new_exists=True), NOW)
    there = deployment(status={name: value for name, value in told.items() if value is not None})
    assert is_written(there, status(there, Situation("a", new_exists=True), LATER))
    assert not is_written(there, status(there, Situation("b", new_exists=True), LATER))


def test_a_template_is_known_by_its_content() -> None:
    one = deployment(spec={"template": {"a": 1, "b": 2}})
    same = deployment(spec={"template": {"b": 2, "a": 1}})
    other = deployment(spec={"template": {"a": 1, "b": 3}})
    assert template_hash(one) == template_hash(same) != template_hash(other)
