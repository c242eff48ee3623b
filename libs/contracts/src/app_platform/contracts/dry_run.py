"""What a handler would do, as told by a dry run: a list of steps, none of which was taken.

Guarantees: a step holds names, reasons and numbers; whoever notes one puts no value and no ciphertext into it.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

MAX_STEPS: Final = 200


@dataclass(frozen=True)
class Step:
    """One thing that would be done.

    Attributes:
        verb: ``create``, ``apply``, ``delete``, ``annotate``, ``report``, ``commit``, ``tell``, …
        what: The object that it would be done to.
        detail: How; for people.
    """

    verb: str
    what: str
    detail: str = ""


@dataclass
class Steps:
    """What was noted so far."""

    noted: list[Step] = field(default_factory=list)

    def would(self, verb: str, what: str, detail: str = "") -> None:
        """Note a step."""
        self.noted.append(Step(verb, what, detail))


@dataclass(frozen=True)
class DryRun:
    """The answer to one event.

    Attributes:
        outcome: ``Done``, or ``Retry`` or ``Reject`` with the reason.
        steps: In their order; at most ``MAX_STEPS``.
        more: How many steps are left out.
    """

    outcome: str
    steps: tuple[Step, ...] = ()
    more: int = 0

    @classmethod
    def of(cls, outcome: str, steps: Steps) -> Self:
        """The answer for what was noted."""
        return cls(outcome, tuple(steps.noted[:MAX_STEPS]), max(0, len(steps.noted) - MAX_STEPS))

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(fields["outcome"], tuple(Step(**step) for step in fields["steps"]), fields["more"])
