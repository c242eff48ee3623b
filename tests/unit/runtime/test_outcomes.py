"""How long retries wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.runtime import Backoff

FRACTIONS = st.floats(0, 1)


@given(st.integers(1, 10_000), FRACTIONS)
def test_a_wait_is_at_least_half_and_at_most_the_whole_bound(attempt: int, fraction: float) -> None:
    backoff = Backoff(first=0.5, cap=60)
    bound = min(60.0, 0.5 * 2.0 ** min(attempt - 1, 30))
    assert bound / 2 <= backoff.delay(attempt, jitter=lambda: fraction) <= bound


@given(st.integers(1, 40), FRACTIONS)
def test_waits_grow_until_the_cap(attempt: int, fraction: float) -> None:
    backoff = Backoff()
    here, there = (backoff.delay(n, jitter=lambda: fraction) for n in (attempt, attempt + 1))
    assert here <= there <= backoff.cap


@given(st.integers(1, 40), st.floats(0, 1000), FRACTIONS)
def test_a_handler_can_ask_for_more_and_never_gets_less(attempt: int, asked: float, fraction: float) -> None:
    assert Backoff().delay(attempt, asked, jitter=lambda: fraction) >= asked


@pytest.mark.parametrize(("attempt", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (8, 60.0), (12, 60.0)])
def test_the_bound_doubles(attempt: int, bound: float) -> None:
    assert Backoff().delay(attempt, jitter=lambda: 1.0) == bound


def test_jitter_is_random_unless_told_otherwise() -> None:
    assert len({Backoff().delay(5) for _ in range(20)}) > 1
