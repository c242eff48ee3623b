"""Event data that is too large for a message: kept in stream EVENT_DATA, named by ``dataref`` (the claim-check pattern).

The name is the digest of the content under the name of who told it, ``<service>/<sha256>``: storing it twice changes nothing, and who
reads it sees whether it is what was told. It lies in pieces, one message each, since a message has a limit.

Guarantees: what ``fetch`` returns has the digest that the message names. Every wait has an end.
Leaves out: when data goes there (``publish``) and for how long it is kept (``streams``).
"""

import asyncio
import hashlib
import re
from typing import Final

from nats.aio.client import Client
from nats.js import JetStreamContext

from app_platform.contracts import UnreadableEventError, subjects
from app_platform.runtime import direct, streams

_PIECE: Final = 256 * 1024
_REF: Final = re.compile(r"^([a-z0-9-]+)/([0-9a-f]{64})$")


class DataMissingError(UnreadableEventError):
    """It has left the stream, is not what was told, or has not reached the server that answered: in a cluster any copy may answer."""


async def store(js: JetStreamContext, service: str, data: bytes, seconds: float) -> str:
    """Keep data; returns its ``dataref``.

    Raises:
        nats.errors.Error, nats.js.errors.Error, TimeoutError: NATS did not take it.
    """
    digest = hashlib.sha256(data).hexdigest()
    async with asyncio.timeout(seconds):
        for number, start in enumerate(range(0, len(data), _PIECE)):
            subject = subjects.data_subject(service, digest, str(number))
            await js.publish(
                subject, data[start : start + _PIECE], timeout=seconds, stream=streams.EVENT_DATA
            )
    return f"{service}/{digest}"


async def fetch(nc: Client, ref: str | None, seconds: float) -> bytes | None:
    """The data of that name; ``None`` without a name, as the data is in the message then.

    Raises:
        DataMissingError: It is not there, or not what was told.
        UnreadableEventError: The name is none of ours.
        nats.errors.Error, TimeoutError: It does not come now.
    """
    if ref is None:
        return None
    named = _REF.fullmatch(ref)
    if named is None:
        raise UnreadableEventError("its dataref is none of ours")
    service, digest = named.groups()
    subject = subjects.data_subject(service, digest, "*")
    async with asyncio.timeout(seconds):
        pieces = {
            int(piece.subject.rpartition(".")[2]): piece.data
            async for piece in direct.read(nc, streams.EVENT_DATA, subject)
        }
    data = b"".join(pieces[number] for number in sorted(pieces))
    if hashlib.sha256(data).hexdigest() != digest:
        raise DataMissingError("its data has left the store, or is not what was told")
    return data
