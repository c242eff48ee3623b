"""The bookkeeping of messages in hand."""

from collections import defaultdict
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.runtime.inbox import Inbox


@dataclass(frozen=True)
class Item:
    sequence: int


def items(*sequences: int) -> list[Item]:
    return [Item(s) for s in sequences]


def filled(*sequences: int, max_batch: int = 3) -> Inbox[str, Item]:
    inbox: Inbox[str, Item] = Inbox(max_batch)
    for item in items(*sequences):
        inbox.put("app", item)
    return inbox


def taken(inbox: Inbox[str, Item]) -> list[list[Item]]:
    """All batches until the key is idle."""
    batches = []
    while batch := inbox.take("app"):
        batches.append(batch)
    return batches


def test_what_waits_together_is_taken_together_in_order() -> None:
    assert taken(filled(1, 2, 3, 4)) == [items(1, 2, 3), items(4)]


def test_only_the_first_of_a_key_needs_a_worker() -> None:
    inbox: Inbox[str, Item] = Inbox(3)
    assert inbox.put("app", Item(1)) is True
    assert inbox.put("app", Item(2)) is False
    assert inbox.put("other", Item(3)) is True
    inbox.take("app")
    assert inbox.put("app", Item(4)) is False, "somebody is still at work on what was taken"
    assert taken(inbox) == [items(4)]
    assert inbox.put("app", Item(5)) is True, "nobody is at work any more"


def test_a_suspect_is_handled_alone() -> None:
    inbox = filled(1, 2, 3, 4, 5, max_batch=10)
    inbox.suspect(items(3))
    assert taken(inbox) == [items(1, 2), items(3), items(4, 5)]


def test_a_batch_of_suspects_is_split_up() -> None:
    inbox = filled(1, 2, 3, max_batch=10)
    inbox.suspect(items(1, 2, 3))
    assert taken(inbox) == [items(1), items(2), items(3)]


def test_a_cleared_suspect_is_none() -> None:
    inbox = filled(1, 2, max_batch=10)
    inbox.suspect(items(1, 2))
    inbox.clear(items(1, 2))
    assert taken(inbox) == [items(1, 2)]


def test_suspicions_do_not_grow_without_bound() -> None:
    inbox: Inbox[str, Item] = Inbox(10)
    inbox.suspect(items(*range(10_001)))
    for item in items(0, 20_000, 5):
        inbox.put("app", item)
    assert taken(inbox) == [items(0, 20_000), items(5)]
    assert len(inbox._suspects) == 10_000  # noqa: SLF001 - a bound cannot be seen from outside


def test_draining_gives_back_what_nobody_began() -> None:
    inbox = filled(1, 2, 3, 4)
    begun = inbox.take("app")
    assert inbox.drain() == items(4)
    assert inbox.held() == begun
    assert len(inbox) == 3
    assert inbox.take("app") == []
    assert (len(inbox), inbox.held()) == (0, [])


@pytest.mark.parametrize("max_batch", [1, 2, 7])
@given(
    actions=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "take", "fail"])), max_size=60)
)
def test_nothing_is_lost_doubled_or_reordered(max_batch: int, actions: list[tuple[str, str]]) -> None:
    inbox: Inbox[str, Item] = Inbox(max_batch)
    put: dict[str, list[Item]] = defaultdict(list)
    got: dict[str, list[Item]] = defaultdict(list)
    working: set[str] = set()
    for sequence, (key, action) in enumerate(actions):
        if action == "put":
            put[key].append(Item(sequence))
            assert inbox.put(key, Item(sequence)) == (key not in working)
            working.add(key)
        elif key in working:
            batch = inbox.take(key)
            assert len(batch) <= max_batch
            got[key] += batch
            if not batch:
                working.discard(key)
            if action == "fail":
                inbox.suspect(batch)
        assert sorted(i.sequence for i in inbox.held()) == sorted({i.sequence for i in inbox.held()})
        assert len(inbox) == len(inbox.held())
    for key in working:
        while batch := inbox.take(key):
            got[key] += batch
    assert got == {key: value for key, value in put.items() if value} | {k: [] for k in got if k not in put}
    assert len(inbox) == 0
