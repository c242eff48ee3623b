"""Who is alive, and whose a key is."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.kube import Group, share
from app_platform.kube.membership import alive, observe

REPLICAS = st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True)


@given(REPLICAS, st.lists(st.text(), max_size=30))
def test_a_leaving_replica_moves_only_its_own_keys(replicas: list[str], keys: list[str]) -> None:
    gone, *rest = replicas
    for key in keys:
        before = share(replicas, key)
        assert before == gone or share(rest, key) == before


@given(REPLICAS, st.text())
def test_order_does_not_matter(replicas: list[str], key: str) -> None:
    assert share(replicas, key) == share(replicas[::-1], key)


def test_keys_are_spread_evenly() -> None:
    counts = Counter(share(["w-0", "w-1", "w-2"], f"app-{number}-platform") for number in range(3000))
    assert min(counts.values()) > 900


def test_nobody_can_own_nothing() -> None:
    with pytest.raises(ValueError, match="no replica"):
        share([], "key")


def test_a_lease_that_stands_still_is_a_dead_replica() -> None:
    seen = observe({}, {"a": "1", "b": "1"}, now=0)
    assert alive(seen, now=0, duration=15) == ("a", "b")
    seen = observe(seen, {"a": "2", "b": "1"}, now=10)
    seen = observe(seen, {"a": "3", "b": "1"}, now=16)
    assert alive(seen, now=16, duration=15) == ("a",)
    seen = observe(seen, {"a": "3", "b": "2"}, now=20)
    assert alive(seen, now=20, duration=15) == ("a", "b")


def test_a_lease_that_is_gone_is_forgotten() -> None:
    assert observe(observe({}, {"a": "1"}, now=0), {}, now=1) == {}


def test_a_group_selects_by_all_its_labels() -> None:
    assert Group("n", "g", {"b": "2", "a": "1"}).selector().labels == "a=1,b=2"
