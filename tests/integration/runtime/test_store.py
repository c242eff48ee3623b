"""The store on a real nats-server: two replicas, a value that is forgotten, a store that is lost."""

import asyncio

import pytest
from nats.aio.client import Client

from app_platform.runtime import RuntimeSettings
from app_platform.runtime.bootstrap import Bootstrap
from app_platform.runtime.store import Entry, KeyChangedError, Store, StoreError, bucket_named
from app_platform.runtime.streams import SESSIONS, Bucket, ensure_bucket
from support.nats import NatsServer, until


@pytest.fixture
def stores(nc: Client) -> tuple[Store, Store]:
    js = nc.jetstream()
    return Store(js, bucket_named(SESSIONS)), Store(js, bucket_named(SESSIONS))


async def test_what_one_replica_writes_another_reads(stores: tuple[Store, Store]) -> None:
    one, two = stores
    assert await one.get("ada") is None
    revision = await one.create("ada", b"first")
    assert await two.get("ada") == Entry(b"first", revision)
    newer = await two.update("ada", b"second", revision)
    assert await one.get("ada") == Entry(b"second", newer)
    await one.delete("ada")
    assert await two.get("ada") is None
    await two.delete("never")
    assert await two.create("ada", b"third") > newer, "a deleted key can be made again"


async def test_nobody_overwrites_what_he_has_not_read(stores: tuple[Store, Store]) -> None:
    one, two = stores
    revision = await one.create("ada", b"first")
    with pytest.raises(KeyChangedError):
        await two.create("ada", b"other")
    await one.put("ada", b"second")
    with pytest.raises(KeyChangedError) as refused:
        await two.update("ada", b"canary-value", revision)
    assert "canary" not in str(refused.value)
    found = await two.get("ada")
    assert found is not None
    assert found.value == b"second"
    assert "second" not in repr(found)


async def test_a_value_that_is_not_written_again_is_forgotten(nc: Client) -> None:
    bucket = Bucket("SHORT", "for a moment", 0.5)
    await ensure_bucket(nc.jetstream(), bucket, copies=1)
    store = Store(nc.jetstream(), bucket)
    await store.put("ada", b"here")
    await until(lambda: _is_gone(store), "it is forgotten")


async def _is_gone(store: Store) -> bool:
    return await store.get("ada") is None


async def test_a_lost_store_is_an_error_first_and_then_an_empty_bucket(
    nats_server: NatsServer, stores: tuple[Store, Store], nc: Client, settings: RuntimeSettings
) -> None:
    one, _ = stores
    await one.put("ada", b"here")
    nats_server.kill()
    with pytest.raises(StoreError, match="SESSIONS"):
        await one.get("ada")
    nats_server.start()
    nats_server.lose_store()
    bootstrap = asyncio.create_task(Bootstrap(nc, settings, [], seconds=0.2).run(once=True))

    async def empty() -> bool:
        try:
            return await one.get("ada") is None
        except StoreError:
            return False

    await until(empty, "the store works again")
    await bootstrap


def test_a_bucket_that_nobody_planned_is_refused() -> None:
    with pytest.raises(LookupError, match="BUCKETS"):
        bucket_named("OTHER")
