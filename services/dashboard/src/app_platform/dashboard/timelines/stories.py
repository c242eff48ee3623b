"""What a timeline is made of: stories, each of stages in their order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app_platform.contracts import Event


class State(StrEnum):
    """How far a stage is."""

    DONE = "done"
    BUSY = "under way"
    FAILED = "failed"
    WAITING = "not yet"
    SKIPPED = "not needed"


@dataclass(frozen=True)
class Told:
    """An event and when it was told.

    Attributes:
        sequence: Its place in the history; it only grows.
    """

    event: Event
    at: datetime
    sequence: int


@dataclass(frozen=True)
class Stage:
    """One stage of a story.

    Attributes:
        at: When it was reached; ``None`` when it was not, or nobody noted it.
        text: What is to be said of it: a reason where it failed.
        advice: What to do about it; empty when there is nothing to do.
        commit: The commit that it was reached by.
    """

    title: str
    state: State
    at: datetime | None = None
    text: str = ""
    advice: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Story:
    """One change of an object, and what came of it.

    Attributes:
        title: What was done.
        by: By whom; empty when nobody knows.
        stages: In their order.
    """

    title: str
    by: str
    stages: Sequence[Stage]

    @property
    def began(self) -> datetime | None:
        """When the first thing of it is known to have happened."""
        return min((stage.at for stage in self.stages if stage.at), default=None)

    @property
    def state(self) -> State:
        """How it stands as a whole: failed if a stage is, else the first that is not done."""
        states = [stage.state for stage in self.stages if stage.state is not State.SKIPPED]
        if State.FAILED in states:
            return State.FAILED
        return next((State.BUSY for state in states if state is not State.DONE), State.DONE)


def moment(text: str) -> datetime | None:
    """A time as Kubernetes writes it (RFC 3339); ``None`` when it is none."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
