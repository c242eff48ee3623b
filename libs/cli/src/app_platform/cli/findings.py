"""Prints findings: for people, what is wrong and what to do; for pipes, one JSON object a line."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import typer
from rich.text import Text

from app_platform.cli import render
from app_platform.cli.options import Exit
from app_platform.diagnosis import Finding, State, worst

_STYLES: Final = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.PROBLEM: "bold red",
    State.UNKNOWN: "magenta",
    State.SKIPPED: "dim",
}
_WIDTH: Final = max(len(state) for state in State) + 2


def show(found: Sequence[Finding], *, as_json: bool, everything: bool) -> None:
    """Print them; those that are as they should be only if everything is asked for, or for a pipe."""
    if as_json:
        for finding in found:
            typer.echo(render.line(finding_json(finding)))
        return
    console = render.console()
    for finding in found:
        if everything or finding.state not in {State.OK, State.SKIPPED}:
            for line in lines(finding):
                console.print(line)
    console.print(summary(found))


def status(found: Sequence[Finding]) -> Exit:
    """With which a command ends that looked for what is wrong."""
    return {State.PROBLEM: Exit.PROBLEM, State.UNKNOWN: Exit.UNKNOWN}.get(worst(found), Exit.DONE)


def lines(finding: Finding) -> list[Text]:
    """A finding for people: what is so, and below it what to do."""
    about = f" ({finding.about})" if finding.about else ""
    first = Text(f"{finding.state:<{_WIDTH}}", style=_STYLES[finding.state])
    first.append(f"{finding.title}: ", style="bold not italic").append(
        f"{finding.detail}{about}", style="default"
    )
    advice = [Text(f"{'':<{_WIDTH}}→ {finding.advice}")] if finding.advice else []
    return [first, *advice]


def summary(found: Sequence[Finding]) -> str:
    """How many there are of each state."""
    counts = Counter(finding.state for finding in found)
    order = (State.PROBLEM, State.WARNING, State.UNKNOWN, State.SKIPPED, State.OK)
    told = [_counted(state, counts[state]) for state in order if counts[state]]
    return ", ".join(told) or "nothing was looked at"


def _counted(state: State, count: int) -> str:
    plural = "s" if count > 1 and state in {State.PROBLEM, State.WARNING} else ""
    return f"{count} {state}{plural}"


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding for pipes; its fields do not change within a version."""
    return asdict(finding)
