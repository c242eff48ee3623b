"""Reading a stream by position and subject, without a consumer (NATS ADR-31, "batched direct get").

Guarantees: nothing is made on the server, so nothing has to be cleaned up, and no right to make consumers is needed: whoever may make
one can have messages delivered to any subject. Every wait has an end. Leaves out: waiting for what is not there yet.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import api

from app_platform.runtime.connection import API

_BATCH: Final = 256
_MOST_BYTES: Final = 8 * 1024 * 1024
_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Stored:
    """A message of a stream."""

    subject: str
    sequence: int
    data: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


async def read(nc: Client, stream: str, subject: str, start: int | datetime = 1) -> AsyncIterator[Stored]:
    """What is in a stream now, in order.

    Args:
        nc: Connected client.
        stream: Its name.
        subject: May hold wildcards.
        start: Position or time of the first message to look at.

    Raises:
        TimeoutError, nats.errors.Error: There is no such stream, or NATS does not answer.
    """
    more = True
    while more:
        found, more = await _batch(nc, stream, _request(subject, start))
        for stored in found:
            yield stored
            start = stored.sequence + 1


def _request(subject: str, start: int | datetime) -> dict[str, Any]:
    begin = {"seq": start} if isinstance(start, int) else {"start_time": start.isoformat()}
    return {"next_by_subj": subject, "batch": _BATCH, "max_bytes": _MOST_BYTES, **begin}


async def _batch(nc: Client, stream: str, request: dict[str, Any]) -> tuple[list[Stored], bool]:
    """One request's messages, and whether there are more."""
    inbox = nc.new_inbox()
    subscription = await nc.subscribe(inbox)
    try:
        await nc.publish(f"{API}.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox)
        return await _collect(subscription)
    finally:
        await subscription.unsubscribe()


async def _collect(subscription: Subscription) -> tuple[list[Stored], bool]:
    found: list[Stored] = []
    while True:
        message = await subscription.next_msg(timeout=_SECONDS)
        headers = message.headers or {}
        match None if message.data else headers.get(api.Header.STATUS.value):
            case None:
                found.append(_stored(message, headers))
            case "204":  # end of batch
                return found, headers.get("Nats-Num-Pending", "0") != "0"
            case "404":
                return found, False
            case "503":
                raise nats.errors.NoRespondersError
            case status:
                raise nats.errors.Error(f"nats: direct get: {status} {headers.get('Description', '')}")


def _stored(message: Msg, headers: Mapping[str, str]) -> Stored:
    return Stored(headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data, headers)
