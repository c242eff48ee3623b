"""What is left of GitHub's primary limit, as GitHub says with each answer, for metrics.

Guarantees: a number is shown until the limit is renewed, and no old one after that. Leaves out: waiting (``api``) and our own budget.
"""

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from app_platform.runtime import telemetry
from app_platform.runtime.telemetry import Reading


class Allowance:
    """What the latest answer said.

    Args:
        clock: Unix time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._left, self._renewed_at = 0, 0

    def note(self, headers: Mapping[str, Any]) -> None:
        """Take in the headers of an answer (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api)."""
        left, renewed_at = (str(headers.get(f"x-ratelimit-{each}", "")) for each in ("remaining", "reset"))
        if left.isdigit() and renewed_at.isdigit():
            self._left, self._renewed_at = int(left), int(renewed_at)

    def readings(self) -> list[Reading]:
        """Requests that are left; none when that is not known."""
        return [Reading(self._left)] if self._clock() < self._renewed_at else []


@cache
def allowance() -> Allowance:
    """That of this process, which metrics show."""
    made = Allowance()
    telemetry.gauges(
        "app_platform.github.requests.left",
        "Requests that GitHub's primary limit still allows",
        made.readings,
    )
    return made
