"""What the command prints, and how it reads times."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import given

from app_platform.cli import connect, render
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


@pytest.mark.parametrize(
    ("text", "ago"), [("0s", 0), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86_400)]
)
def test_durations_are_read(text: str, ago: int) -> None:
    before = datetime.now(UTC)
    found = connect.since(text)
    assert found is not None
    assert before <= found + timedelta(seconds=ago) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00", "2026-01-31T13:00:00+01:00"])
def test_times_are_read(text: str) -> None:
    assert connect.since(text) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "5", "m", "-5m", "5w", "2026-13-01", "²d", "٣d"])
def test_other_texts_are_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="neither a time"):
        connect.since(text)


@pytest.mark.parametrize("text", ["99999999999d", "3000000d", "9" * 5000 + "s"])
def test_what_is_before_all_times_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is longer ago than the year 1"):
        connect.since(text)


def test_no_time_is_no_limit() -> None:
    assert connect.since(None) is None
