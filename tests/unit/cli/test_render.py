"""What the command prints."""

import json

from hypothesis import given

from app_platform.cli import render
from app_platform.contracts import CommitPushed, Event, RemovedIntent
from app_platform.runtime.dead_letters import DeadLetter
from app_platform.runtime.history import Recorded
from support.samples import ENVELOPE, EVENTS


@given(EVENTS)
def test_a_record_is_one_line_of_json(event: Event) -> None:
    line = render.line(render.event_json(Recorded(event, ENVELOPE, 7, "")))
    assert "\n" not in line
    read = json.loads(line)
    assert (read["sequence"], read["id"], read["type"]) == (7, event.id, event.type)
    assert (read["data"]["app"], read["data"]["name"]) == (event.app, event.name)


def test_the_fields_for_pipes_stay() -> None:
    event = CommitPushed(app="a", name="s", sha="s", paths=(), intents=(), removed=(), digest="d")
    fields = ["sequence", "id", "time", "source", "traceId", "type", "kind", "verb", "data"]
    assert list(render.event_json(Recorded(event, ENVELOPE, 1, ""))) == fields
    letter = DeadLetter("s", "i", "work.labrats.x.v1", "a", "n", 1, 2, "why", "t")
    assert list(render.letter_json(3, letter)) == ["id", *DeadLetter.__dataclass_fields__]
    assert render.letter_row(3, letter) == ("3", "t", "s", "x.v1", "a", "n", "2", "why")


def test_a_row_has_a_cell_for_each_column() -> None:
    removed = tuple(RemovedIntent(name=f"s{n}", uid="u") for n in range(7))
    event = CommitPushed(
        app="a", name="abc", sha="a" * 40, paths=("p",), intents=(), removed=removed, digest="d"
    )
    row = render.event_row(Recorded(event, ENVELOPE, 1, ""))
    assert len(row) == len(render.EVENT_COLUMNS)
    assert row[:4] == ("1", "2026-01-31T12:00:00.000Z", "test", "commit pushed")
    assert row[-1] == f"{'a' * 12}: -s0, -s1, -s2, -s3, -s4 and 2 more (1 files)"
