"""How often an address may begin to sign in, counted by several replicas on one store."""

import asyncio
from dataclasses import dataclass, field

import pytest

from app_platform.dashboard.sealing import store_key
from app_platform.dashboard.web.throttle import Throttle
from support.fakes.store import MemoryStore


@dataclass
class Replicas:
    """Two of them, on one store and with one clock."""

    now: float = 1_000_000.0
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self.both = [Throttle(self.store, 3, lambda: self.now) for _ in range(2)]

    async def attempts(self, address: str, count: int) -> list[bool]:
        """Attempts at each replica in turn."""
        return [await self.both[number % 2].admits(address) for number in range(count)]


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()


async def test_an_address_has_its_attempts_at_all_replicas_together(replicas: Replicas) -> None:
    assert await replicas.attempts("a", 5) == [True, True, True, False, False]
    assert await replicas.attempts("b", 1) == [True]
    replicas.now += 20
    assert await replicas.attempts("a", 2) == [True, False]


async def test_attempts_made_at_once_are_counted_once_each(replicas: Replicas) -> None:
    admitted = await asyncio.gather(*(replicas.both[number % 2].admits("a") for number in range(12)))
    assert sum(admitted) == 3


async def test_a_replica_whose_clock_is_behind_gives_nothing_back(replicas: Replicas) -> None:
    assert await replicas.attempts("a", 3) == [True] * 3
    replicas.now -= 3600
    assert await replicas.attempts("a", 1) == [False]
    replicas.now += 3600
    assert await replicas.attempts("a", 1) == [False]


async def test_the_store_does_not_hold_addresses_and_what_it_holds_wrongly_counts_as_nothing(
    replicas: Replicas,
) -> None:
    await replicas.attempts("192.0.2.7", 1)
    assert all(
        "192.0.2.7" not in key and b"192.0.2.7" not in entry.value
        for key, entry in replicas.store.entries.items()
    )
    for wrong in (b"", b"[]", b"{", b"[null, 1]"):
        await replicas.store.put(store_key("attempts", "c"), wrong)
        assert await replicas.attempts("c", 1) == [True]
