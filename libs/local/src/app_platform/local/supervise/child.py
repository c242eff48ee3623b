"""What a child is, and when to start it again: plain data and pure decisions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
STABLE_AFTER = 20.0

State = Literal["stopped", "starting", "ready", "waiting"]


@dataclass(frozen=True)
class Child:
    """One program to be kept running.

    Attributes:
        name: unique; also the name of its log.
        argv: program and arguments.
        env: its whole environment; nothing is inherited.
        ready: a URL that answers 200 once the program is ready; empty when running is enough.
        ca_file: the certificates to trust for an https `ready`; read when asked, the program may write it itself.
        tier: children are stopped from the highest tier down, so that what others stand on goes last.
        stop_seconds: how long it may take to end by itself before it is killed.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str = ""
    ca_file: str = ""
    tier: int = 0
    stop_seconds: float = 10.0

    def to_json(self) -> dict[str, Any]:
        """As JSON, for the supervisor's socket."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Child":
        """The reverse of `to_json`."""
        return cls(**{**fields, "argv": tuple(fields["argv"])})


@dataclass(frozen=True)
class ChildStatus:
    """How a child is.

    Attributes:
        state: `waiting` is the pause before it is started again.
        pid: of the running process, else none.
        restarts: how often it was started again because it had died or was told to restart.
        exit: how it last ended (negative: the signal), else none.
    """

    name: str
    state: State
    pid: int | None
    restarts: int
    exit: int | None


def restart_delay(previous: float, ran_for: float) -> float:
    """Seconds to wait before a dead child is started again.

    A child that had been stable starts almost at once; one that keeps dying waits twice as long each time.

    Args:
        previous: the delay before; 0 at the first death.
        ran_for: how long the child lived, in seconds.
    """
    if ran_for >= STABLE_AFTER or previous == 0:
        return FIRST_DELAY
    return min(previous * 2, LONGEST_DELAY)


def describe_exit(code: int) -> str:
    """An exit code in words."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
