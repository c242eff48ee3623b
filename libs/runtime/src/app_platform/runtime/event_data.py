"""Event data that is too large for a message: kept in the object store, named by ``dataref`` (the claim-check pattern).

Guarantees: every wait has an end. Leaves out: when data goes there (``publish``) and for how long it is kept (``streams``).
"""

import asyncio

import nats.js.errors
from nats.js import JetStreamContext

from app_platform.contracts import UnreadableEventError
from app_platform.runtime import streams


async def store(js: JetStreamContext, ref: str, data: bytes, seconds: float) -> None:
    """Keep data under a name.

    Raises:
        nats.errors.Error, nats.js.errors.Error, TimeoutError: NATS did not take it.
    """
    async with asyncio.timeout(seconds):
        await (await js.object_store(streams.EVENT_DATA)).put(ref, data)


async def fetch(js: JetStreamContext, ref: str | None, seconds: float) -> bytes | None:
    """The data of that name; ``None`` without a name, as the data is in the message then.

    Raises:
        UnreadableEventError: It has left the store.
        nats.errors.Error, nats.js.errors.Error, TimeoutError: It does not come now.
    """
    if ref is None:
        return None
    try:
        # nats-py's object store waits without limit for a chunk that does not come.
        async with asyncio.timeout(seconds):
            return (await (await js.object_store(streams.EVENT_DATA)).get(ref)).data
    except nats.js.errors.NotFoundError:
        raise UnreadableEventError("its data has left the object store") from None
