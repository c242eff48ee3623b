"""What diagnosis says: one finding per thing that was looked at."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    """Not as it will be, or worth knowing; nobody has to act yet."""
    PROBLEM = "problem"
    """Somebody has to act: the advice says how."""
    UNKNOWN = "unknown"
    """It could not be looked at: the detail says what right, or which part, is missing."""
    SKIPPED = "skipped"
    """It means nothing while something else is missing."""


@dataclass(frozen=True)
class Reference:
    """A Kubernetes object; ``namespace`` is empty for cluster-scoped ones."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        """As people write it: ``Kustomization my-app-platform/web``."""
        return f"{self.kind} {'/'.join(filter(None, (self.namespace, self.name)))}"


@dataclass(frozen=True)
class Said:
    """What a check says of one thing.

    Attributes:
        detail: What is so. Holds names, reasons and messages of objects; never a value.
        advice: What to do about it; empty when there is nothing to do.
        about: The object that it is said of, if it is one.
    """

    state: State
    detail: str
    advice: str = ""
    about: Reference | None = None


@dataclass(frozen=True)
class Finding:
    """What a check says, and which check it was.

    Attributes:
        check: Its id, which stays the same between versions.
        title: What the check looks at, for people.
    """

    check: str
    title: str
    state: State
    detail: str
    advice: str = ""
    about: Reference | None = None


def ok(detail: str, about: Reference | None = None) -> Said:
    """All is well."""
    return Said(State.OK, detail, about=about)


def warning(detail: str, advice: str = "", about: Reference | None = None) -> Said:
    """Not as it will be."""
    return Said(State.WARNING, detail, advice, about)


def problem(detail: str, advice: str, about: Reference | None = None) -> Said:
    """Somebody has to act."""
    return Said(State.PROBLEM, detail, advice, about)


_ORDER: Final = (State.PROBLEM, State.UNKNOWN, State.WARNING, State.SKIPPED, State.OK)


def worst(findings: Iterable[Finding]) -> State:
    """The state that matters most among them; ``OK`` when there are none."""
    return min((finding.state for finding in findings), key=_ORDER.index, default=State.OK)
