"""Durations in Authelia's notation: a number of seconds, or `1h`, `2 weeks`, `1 hour and 30 minutes` (guide "Common", v4.39)."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {
    "y": 365 * 86400.0, "M": 30 * 86400.0, "w": 7 * 86400.0, "d": 86400.0,
    "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001,
    "year": 365 * 86400.0, "month": 30 * 86400.0, "week": 7 * 86400.0, "day": 86400.0,
    "hour": 3600.0, "minute": 60.0, "second": 1.0, "millisecond": 0.001,
}  # fmt: skip
_PART = r"\d+\s*(?:(?:year|month|week|day|hour|minute|(?:milli)?second)s?|ms|[yMwdhms])"
_WHOLE = re.compile(rf"{_PART}(?:\s*(?:\s+and\s+)?{_PART})*")
_NUMBERS = re.compile(r"(\d+)\s*([A-Za-z]+)")


def seconds(value: object) -> object:
    """A duration in whole seconds; what is not one is left as it is, to be refused by its type.

    >>> seconds("1 hour and 30 minutes")
    5400
    """
    if not isinstance(value, str):
        return value
    if not _WHOLE.fullmatch(value):
        raise ValueError("must be a duration such as '1 week' or '12h'")
    return int(sum(int(number) * _UNITS[unit] for number, unit in _units(value)))


def _units(text: str) -> list[tuple[str, str]]:
    words = _NUMBERS.findall(text)
    return [(number, unit if unit in _UNITS else unit.removesuffix("s")) for number, unit in words]


Duration = Annotated[int, BeforeValidator(seconds), Field(ge=0)]
