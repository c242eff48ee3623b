"""What the command prints: tables for people, JSON for pipes. Pure, but for the console given and ``show``.

Guarantees: JSON output is one object a line (https://jsonlines.org) and its fields do not change within a version.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC
from typing import Any, Final, TypedDict

import typer
from rich.console import Console
from rich.table import Table

from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    Event,
    FluxObjectChanged,
    NamespacesReady,
    RepositoryReady,
    SecretEncrypted,
)
from app_platform.contracts.dry_run import DryRun
from app_platform.runtime.consumers import ConsumerState
from app_platform.runtime.dead_letters import DeadLetter
from app_platform.runtime.history import Recorded

_SHORT_SHA: Final = 12


def summary(event: Event) -> str:
    """What an event tells, in a few words; never more than names, as it holds nothing else."""
    text = event.resync
    match event:
        case SecretEncrypted():
            text = f"keys {', '.join(event.keys)} → {', '.join(f.path.split('/')[1] for f in event.files)}"
        case CommitPushed():
            told = [v.name for v in event.intents] + [f"-{r.name}" for r in event.removed]
            text = f"{event.sha[:_SHORT_SHA]}: {_some(told)} ({len(event.paths)} files)"
        case CommitFailed():
            text = f"{_some([v.name for v in event.intents])}: {event.reason}"
        case FluxObjectChanged():
            text = f"{event.object_kind} Ready={event.ready} {event.reason} {event.revision}".strip()
        case NamespacesReady():
            text = _some(event.namespaces)
        case RepositoryReady():
            text = f"{event.head_sha[:_SHORT_SHA]}: {len(event.files)} files"
    return text


def _some(items: Sequence[str], shown: int = 5) -> str:
    return ", ".join(items[:shown]) + (f" and {len(items) - shown} more" if len(items) > shown else "")


def event_row(recorded: Recorded) -> tuple[str, ...]:
    """One line of the table of events."""
    event, time = recorded.event, recorded.envelope.time.astimezone(UTC)
    source = recorded.envelope.source.rsplit("/", 1)[-1]
    what = f"{event.kind} {event.verb}"
    return (
        str(recorded.sequence),
        f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z",
        source,
        what,
        event.app,
        event.name,
        summary(event),
    )


EVENT_COLUMNS: Final = ("SEQ", "TIME", "FROM", "EVENT", "APP", "NAME", "TELLS")


class EventRecord(TypedDict):
    """An event for pipes; the fields do not change within a version."""

    sequence: int
    id: str
    time: str
    source: str
    traceId: str
    type: str
    kind: str
    verb: str
    data: dict[str, Any]


def event_json(recorded: Recorded) -> EventRecord:
    """An event for pipes."""
    return {
        "sequence": recorded.sequence,
        "id": recorded.event.id,
        "time": recorded.envelope.time.isoformat(),
        "source": recorded.envelope.source,
        "traceId": recorded.trace_id,
        "type": recorded.event.type,
        "kind": recorded.event.kind,
        "verb": recorded.event.verb,
        "data": recorded.event.model_dump(mode="json", exclude={"type"}),
    }


LETTER_COLUMNS: Final = ("ID", "TIME", "SERVICE", "EVENT", "APP", "NAME", "TRIES", "REASON")


def letter_row(position: int, letter: DeadLetter) -> tuple[str, ...]:
    """One line of the table of dead letters."""
    kind = letter.event_type.removeprefix("work.labrats.")
    return (
        str(position),
        letter.time,
        letter.service,
        kind,
        letter.app,
        letter.name,
        str(letter.attempts),
        letter.reason,
    )


def letter_json(position: int, letter: DeadLetter) -> dict[str, Any]:
    """A dead letter for pipes."""
    return {"id": position, **{name: getattr(letter, name) for name in DeadLetter.__dataclass_fields__}}


def consumer_json(state: ConsumerState) -> dict[str, Any]:
    """How far a service is, for pipes."""
    times = {name: getattr(state, name) for name in ("last_delivery", "last_ack")}
    return {**asdict(state), **{name: time.isoformat() if time else None for name, time in times.items()}}


def dry_run_lines(recorded: Recorded, answer: DryRun) -> list[str]:
    """What a service would do about an event, for people."""
    event = recorded.event
    steps = [
        f"  would {step.verb} {step.what}" + (f": {step.detail}" if step.detail else "")
        for step in answer.steps
    ]
    more = [f"  and {answer.more} more"] if answer.more else []
    nothing = [] if steps else ["  would change nothing"]
    head = f"{recorded.sequence} {event.kind} {event.verb} {event.app}/{event.name}"
    return [head, *steps, *nothing, *more, f"  outcome: {answer.outcome}"]


def console() -> Console:
    """Where people read. A pipe has no width: wide enough that nothing is folded there."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(width=400, highlight=False)


def table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table without lines, as kubectl does."""
    out = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        out.add_column(column, overflow="fold", no_wrap=column not in {"TELLS", "REASON", "MESSAGE"})
    for row in rows:
        out.add_row(*row)
    console.print(out)


def show(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one record: as a line for pipes, or indented and coloured for people."""
    if as_json:
        typer.echo(line(record))
    else:
        Console(width=None).print_json(line(record))


def line(record: Mapping[str, Any]) -> str:
    """A record as one line of JSON."""
    return json.dumps(record, ensure_ascii=False)
