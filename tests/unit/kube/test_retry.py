"""Which requests are sent again, and when."""

import pytest

from app_platform.kube import Conflict, TooManyRequests, Unavailable
from app_platform.kube.errors import KubeError
from app_platform.kube.retry import ATTEMPTS, backoff, retry_delay


@pytest.mark.parametrize(
    ("error", "idempotent", "again"),
    [
        (Unavailable("x"), True, True),
        (Unavailable("x"), False, False),
        (TooManyRequests("x"), False, True),
        (Conflict("x"), True, False),
        (Unavailable("x", retry_after=3), True, True),
        (Unavailable("x", retry_after=60), True, False),
    ],
)
def test_only_what_is_safe_and_promising_is_repeated(error: KubeError, idempotent: bool, again: bool) -> None:  # noqa: FBT001 - a table
    assert (retry_delay(error, 1, idempotent=idempotent) is not None) == again


def test_it_ends() -> None:
    delays = [retry_delay(Unavailable("x"), attempt, idempotent=True) for attempt in range(1, ATTEMPTS + 1)]
    assert delays[-1] is None
    assert None not in delays[:-1]


def test_the_server_is_given_at_least_the_time_it_asks_for() -> None:
    assert retry_delay(TooManyRequests("x", retry_after=2), 1, idempotent=False, jitter=lambda: 0.5) == 2.5


def test_pauses_grow_to_a_limit_and_are_spread() -> None:
    full = [backoff(attempt, first=1, longest=30, jitter=lambda: 1.0) for attempt in (1, 2, 3, 4, 10, 10_000)]
    assert full == [1, 2, 4, 8, 30, 30]
    assert backoff(3, first=1, longest=30, jitter=lambda: 0.0) == 2
