"""Times as they are given on the command line: points in time, and durations."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"(?P<number>[0-9]+)(?P<unit>[smhd])")


def since(text: str | None) -> datetime | None:
    """A point in time: RFC 3339, or how long ago (``90s``, ``15m``, ``2h``, ``1d``).

    Raises:
        typer.BadParameter: It is neither, or no time that has been.
    """
    if text is None:
        return None
    if _DURATION.fullmatch(text):
        return _ago(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a time (2026-01-31T12:00:00Z) nor a duration (90s, 15m, 2h, 1d)"
        ) from None
    parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    if parsed > datetime.now(UTC):
        raise typer.BadParameter(f"{text!r} has not come yet: give a time in the past")
    return parsed


def duration(text: str) -> timedelta:
    """How long something may take: ``90s``, ``15m``, ``2h``, ``1d``.

    Raises:
        typer.BadParameter: It is no duration, or longer than can be reckoned with.
    """
    found = _DURATION.fullmatch(text)
    if not found:
        raise typer.BadParameter(f"{text!r} is no duration (90s, 15m, 2h, 1d)")
    try:
        return timedelta(seconds=int(found["number"]) * _UNITS[found["unit"]])
    except (OverflowError, ValueError):  # Python reads no number of more than 4300 digits
        raise typer.BadParameter(f"{text[:20]!r} is too long: give a shorter duration") from None


def _ago(text: str) -> datetime:
    try:
        return datetime.now(UTC) - duration(text)
    except OverflowError:
        raise typer.BadParameter(
            f"{text[:20]!r} is longer ago than the year 1: give a shorter duration"
        ) from None
