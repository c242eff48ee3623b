"""The streams that the platform needs, made or brought up to date when a service starts.

Guarantees: nothing here deletes or purges. A stream that somebody made larger, or gave more subjects, keeps that.
Leaves out: consumers, which ``consume`` makes for itself.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, ObjectStoreConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError

from app_platform.contracts import subjects
from app_platform.runtime.settings import RuntimeSettings

EVENTS: Final = "EVENTS"
DEAD_LETTERS: Final = "DEAD_LETTERS"
EVENT_DATA: Final = "EVENT_DATA"
"""Bucket of the object store that holds data too large for a message."""

_DAY: Final = 86_400.0
_DUPLICATE_WINDOW: Final = 120.0
"""Seconds in which JetStream drops a second message with the same ``Nats-Msg-Id``; the server's default."""


@dataclass(frozen=True)
class Wanted:
    """A stream as this version wants it."""

    name: str
    subjects: tuple[str, ...]
    description: str


STREAMS: Final = (
    Wanted(
        EVENTS,
        (f"{subjects.EVENTS}.>", f"{subjects.REPLAY}.>"),
        "What happened, and what is replayed to one service",
    ),
    Wanted(DEAD_LETTERS, (f"{subjects.DEAD}.>",), "References to events that a service gave up"),
)


def stream_config(wanted: Wanted, settings: RuntimeSettings) -> StreamConfig:
    """The whole configuration of a stream that does not exist yet."""
    return StreamConfig(
        name=wanted.name,
        subjects=list(wanted.subjects),
        description=wanted.description,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_age=settings.event_days * _DAY,
        duplicate_window=_DUPLICATE_WINDOW,
        num_replicas=settings.stream_replicas,
        allow_direct=True,
    )


def updated(existing: StreamConfig, wanted: StreamConfig) -> StreamConfig | None:
    """What to change of an existing stream; ``None`` when it will do as it is. Never makes it keep less."""
    merged = replace(
        existing,
        subjects=sorted({*(existing.subjects or ()), *(wanted.subjects or ())}),
        # No age means that messages are kept for ever, which is more than anybody asks for.
        max_age=max(existing.max_age, wanted.max_age or 0.0) if existing.max_age else existing.max_age,
        num_replicas=max(existing.num_replicas or 1, wanted.num_replicas or 1),
    )
    unchanged = replace(existing, subjects=sorted(existing.subjects or ()))
    return None if merged == unchanged else merged


async def ensure_streams(js: JetStreamContext, settings: RuntimeSettings) -> None:
    """Make what is missing and widen what is too narrow.

    Raises:
        nats.js.errors.Error: NATS refused; its text says why (storage not enabled, too few servers for the replicas).
    """
    for wanted in STREAMS:
        await _ensure_stream(js, stream_config(wanted, settings))
    await _ensure_bucket(js, settings)


async def _ensure_stream(js: JetStreamContext, config: StreamConfig) -> None:
    try:
        existing = (await js.stream_info(config.name or "")).config
    except NotFoundError:
        await _create(js, config)
        return
    change = updated(existing, config)
    if change is not None:
        await js.update_stream(change)


async def _create(js: JetStreamContext, config: StreamConfig) -> None:
    try:
        await js.add_stream(config)
    except BadRequestError as error:
        # Another replica was first; with the same wish there is nothing left to do.
        if error.err_code != _STREAM_NAME_IN_USE:
            raise


_STREAM_NAME_IN_USE: Final = 10058
"""JetStream API error code: a stream of that name exists with another configuration (nats-server ``errors.json``)."""


async def _ensure_bucket(js: JetStreamContext, settings: RuntimeSettings) -> None:
    try:
        await js.object_store(EVENT_DATA)
    except NotFoundError:
        config = ObjectStoreConfig(
            bucket=EVENT_DATA,
            description="Event data too large for a message",
            ttl=int(settings.event_days * _DAY),
            storage=StorageType.FILE,
            replicas=settings.stream_replicas,
        )
        await js.create_object_store(EVENT_DATA, config)


async def incarnation(js: JetStreamContext) -> datetime | None:
    """When the EVENTS stream was created; another answer than before means that its history was lost.

    Returns:
        The time, or ``None`` when there is no such stream.

    Raises:
        ConnectionError: NATS does not answer.
    """
    try:
        return (await js.stream_info(EVENTS)).created
    except NotFoundError:
        return None
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise ConnectionError(f"NATS does not answer: {type(error).__name__}") from error
