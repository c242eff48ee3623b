"""Small values that all replicas of a service share: a NATS key-value bucket (NATS ADR-8), with compare-and-swap.

Guarantees: ``create`` and ``update`` never overwrite what somebody else wrote meanwhile. Every wait has an end. A value shows in
no ``repr`` and in no error. Each bucket forgets a value some time after it was written last.
In a cluster any copy may answer ``get``, so it may be a moment behind; ``update`` with what it said then fails.
Leaves out: making the bucket (``bootstrap``), encryption, lists of keys and watching. NATS keeps values as they are, and keys stand in its subjects: whoever must not
be able to use what he reads there keeps a digest as key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js import kv as nats_kv
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from app_platform.runtime import streams
from app_platform.runtime.streams import BUCKETS, Bucket

_SECONDS: Final = 5.0


class StoreError(Exception):
    """NATS does not take part now. Safe to try again later; a write may have been done all the same."""


class KeyChangedError(Exception):
    """Somebody else wrote the key first, so nothing was written."""


@dataclass(frozen=True)
class Entry:
    """A value and the revision that ``update`` wants."""

    value: bytes = field(repr=False)
    revision: int


class KeyValue(Protocol):
    """What a service keeps. Keys are letters, digits, ``-``, ``_``, ``.``, ``=`` and ``/``; each method may raise ``StoreError``."""

    async def get(self, key: str) -> Entry | None:
        """What is kept; ``None`` when there is nothing, or nothing any more."""
        ...

    async def put(self, key: str, value: bytes) -> int:
        """Write, whatever was there; returns the revision."""
        ...

    async def create(self, key: str, value: bytes) -> int:
        """Write what is not there yet; returns the revision.

        Raises:
            KeyChangedError: It is there.
        """
        ...

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Write if nobody did since ``revision`` was read; returns the new revision.

        Raises:
            KeyChangedError: Somebody did, or it was forgotten.
        """
        ...

    async def delete(self, key: str) -> None:
        """Forget a key; no matter whether it is there."""
        ...


class Store:
    """The ``KeyValue`` in NATS.

    Args:
        js: Context of a client that may be disconnected.
        bucket: One of ``streams.BUCKETS``.
    """

    def __init__(self, js: JetStreamContext, bucket: Bucket) -> None:
        self._js = js
        self._name = bucket.name
        self._opened: nats_kv.KeyValue | None = None

    async def get(self, key: str) -> Entry | None:
        """See ``KeyValue.get``."""
        async with self._asking() as bucket:
            try:
                found = await bucket.get(key)
            except KeyNotFoundError:
                return None
            return Entry(found.value or b"", found.revision or 0)

    async def put(self, key: str, value: bytes) -> int:
        """See ``KeyValue.put``."""
        async with self._asking() as bucket:
            return await bucket.put(key, value)

    async def create(self, key: str, value: bytes) -> int:
        """See ``KeyValue.create``."""
        async with self._asking() as bucket:
            return await bucket.create(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """See ``KeyValue.update``."""
        async with self._asking() as bucket:
            return await bucket.update(key, value, last=revision)

    async def delete(self, key: str) -> None:
        """See ``KeyValue.delete``."""
        async with self._asking() as bucket:
            await bucket.delete(key)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[nats_kv.KeyValue]:
        try:
            async with asyncio.timeout(_SECONDS):
                self._opened = self._opened or await self._js.key_value(self._name)
                yield self._opened
        except KeyWrongLastSequenceError:
            raise KeyChangedError(f"{self._name}: written by somebody else meanwhile") from None
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
            # The bucket may be gone: it is looked for again the next time.
            self._opened = None
            raise StoreError(f"{self._name}: NATS does not serve it: {type(error).__name__}") from None


def bucket_named(name: str) -> Bucket:
    """The bucket of that name.

    Raises:
        LookupError: There is none in the table.
    """
    for bucket in BUCKETS:
        if bucket.name == name:
            return bucket
    raise LookupError(f"there is no bucket {name!r}: add it to BUCKETS in {streams.__name__}")
