"""How a shared budget counts, without NATS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.runtime.budget import Ledger, Limit

MINUTE, HOUR = Limit(80, 60), Limit(500, 3600)
NOW = 1_000_000.0


def test_what_is_left_is_granted_at_once_and_the_rest_when_it_has_aged() -> None:
    ledger = Ledger().spend([MINUTE], 78, NOW)
    assert ledger.left(MINUTE, NOW) == 2
    assert ledger.wait([MINUTE], 2, NOW) == 0
    wait = ledger.wait([MINUTE], 3, NOW)
    assert 60 <= wait <= 61
    assert ledger.wait([MINUTE], 3, NOW + wait) == 0


def test_the_longest_wait_of_all_limits_counts() -> None:
    ledger = Ledger()
    for minute in range(7):
        ledger = ledger.spend([MINUTE, HOUR], 71, NOW + 60 * minute)
    assert ledger.left(HOUR, NOW + 361) == 3
    assert ledger.wait([MINUTE], 5, NOW + 361) <= 60
    assert 3200 < ledger.wait([MINUTE, HOUR], 5, NOW + 361) < 3300


def test_more_than_there_can_ever_be_waits_for_all_of_it() -> None:
    assert Ledger().wait([MINUTE], 1000, NOW) == 0
    assert Ledger().spend([MINUTE], 1, NOW).wait([MINUTE], 1000, NOW) > 0


def test_a_closed_budget_grants_nothing_and_asks_for_nothing_when_it_is_open() -> None:
    closed = Ledger(closed_until=NOW + 30)
    assert closed.wait([MINUTE], 0, NOW) == 30
    assert closed.wait([MINUTE], 1, NOW + 30) == 0


def test_what_no_limit_looks_at_is_forgotten() -> None:
    ledger = Ledger().spend([MINUTE], 80, NOW).spend([MINUTE], 1, NOW + 600)
    assert ledger.spent == ((int(NOW) + 600, 1),)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 30)), max_size=120))
def test_no_window_ever_holds_more_than_the_limit(steps: list[tuple[int, int]]) -> None:
    limits = [Limit(20, 10), Limit(50, 60)]
    ledger, now, granted = Ledger(), NOW, list[tuple[float, int]]()
    for pause, cost in steps:
        now += pause
        if cost <= 20 and not ledger.wait(limits, cost, now):
            ledger = ledger.spend(limits, cost, now)
            granted.append((now, cost))
    for limit in limits:
        for start, _ in granted:
            within = sum(cost for at, cost in granted if start <= at < start + limit.seconds)
            assert within <= limit.amount


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 20)), max_size=30), st.integers(1, 20))
def test_who_waits_as_told_is_granted(steps: list[tuple[int, int]], cost: int) -> None:
    limits = [Limit(20, 10), Limit(50, 60)]
    ledger, now = Ledger(), NOW
    for pause, spent in steps:
        now += pause
        if not ledger.wait(limits, spent, now):
            ledger = ledger.spend(limits, spent, now)
    assert ledger.wait(limits, cost, now + ledger.wait(limits, cost, now)) == 0


@given(st.lists(st.tuples(st.integers(0, 3600), st.integers(1, 5)), max_size=20))
def test_it_survives_storage(steps: list[tuple[int, int]]) -> None:
    ledger = Ledger(closed_until=12.5)
    for at, cost in sorted(steps):
        ledger = ledger.spend([HOUR], cost, NOW + at)
    assert Ledger.decode(ledger.encode()) == ledger


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"spent": [[1]], "closed_until": 0}', b"\xff"])
def test_what_cannot_be_read_counts_as_nothing_spent(data: bytes) -> None:
    assert Ledger.decode(data) == Ledger()


def test_an_hour_of_writes_stays_small() -> None:
    ledger = Ledger()
    for second in range(500):
        ledger = ledger.spend([MINUTE, HOUR], 1, NOW + 7 * second)
    assert len(ledger.encode()) < 10_000
