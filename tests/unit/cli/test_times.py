"""How times are read."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from app_platform.cli import times


@pytest.mark.parametrize(
    ("text", "ago"), [("0s", 0), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86_400)]
)
def test_durations_are_read(text: str, ago: int) -> None:
    before = datetime.now(UTC)
    found = times.since(text)
    assert found is not None
    assert before <= found + timedelta(seconds=ago) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00", "2026-01-31T13:00:00+01:00"])
def test_times_are_read(text: str) -> None:
    assert times.since(text) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "5", "m", "-5m", "5w", "2026-13-01", "²d", "٣d"])
def test_other_texts_are_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="neither a time"):
        times.since(text)


@pytest.mark.parametrize("text", ["99999999999d", "3000000d", "9" * 5000 + "s"])
def test_what_is_before_all_times_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is longer ago than the year 1|is too long"):
        times.since(text)


def test_no_time_is_no_limit() -> None:
    assert times.since(None) is None


def test_a_duration_is_read() -> None:
    assert times.duration("90m") == timedelta(minutes=90)


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "1.5h", "2026-01-31", "²m", "99999999999d"])
def test_what_is_no_duration_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is no duration|is too long"):
        times.duration(text)
