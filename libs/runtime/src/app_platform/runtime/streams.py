"""The streams, buckets and consumers that the platform needs, made or brought up to date by ``bootstrap``.

Guarantees: nothing here deletes or purges, but that a history without a limit gets the one in bytes that is asked for. A stream that
somebody made larger, or gave more subjects, keeps that.
Leaves out: who may do what with them (``permissions``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError

from app_platform.contracts import Event, subjects
from app_platform.runtime.settings import RuntimeSettings

EVENTS: Final = "EVENTS"
DEAD_LETTERS: Final = "DEAD_LETTERS"
EVENT_DATA: Final = "EVENT_DATA"
"""Pieces of data too large for a message."""
BUDGETS: Final = "BUDGETS"
SESSIONS: Final = "SESSIONS"

_DAY: Final = 86_400.0
_NO_LIMIT: Final = -1
"""In JetStream's configuration."""
_DUPLICATE_WINDOW: Final = 120.0
"""Seconds in which JetStream drops a second message with the same ``Nats-Msg-Id``; the server's default."""


@dataclass(frozen=True)
class Wanted:
    """A stream as this version wants it."""

    name: str
    subjects: tuple[str, ...]
    description: str
    last_only: bool = False
    """Whether only the last message of each subject is kept."""


@dataclass(frozen=True)
class Bucket:
    """A key-value bucket as this version wants it.

    Attributes:
        ttl: Seconds after which a value that was not written again is forgotten.
    """

    name: str
    description: str
    ttl: float


STREAMS: Final = (
    Wanted(
        EVENTS,
        (f"{subjects.EVENTS}.>", f"{subjects.REPLAY}.>"),
        "What happened, and what is replayed to one service",
    ),
    Wanted(DEAD_LETTERS, (f"{subjects.DEAD}.>",), "References to events that a service gave up"),
    Wanted(EVENT_DATA, (f"{subjects.DATA}.>",), "Event data too large for a message", last_only=True),
)

BUCKETS: Final = (
    # Longer than the window of any limit.
    Bucket(BUDGETS, "What was spent of limits that all replicas share", 3 * 3600.0),
    Bucket(SESSIONS, "Who is signed in to the dashboard", 24 * 3600.0),
)


def bucket_stream(bucket: str) -> str:
    """The stream that holds a bucket (NATS ADR-8)."""
    return f"KV_{bucket}"


def stream_config(wanted: Wanted, settings: RuntimeSettings) -> StreamConfig:
    """The whole configuration of a stream that does not exist yet."""
    return StreamConfig(
        name=wanted.name,
        subjects=list(wanted.subjects),
        description=wanted.description,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_msgs_per_subject=1 if wanted.last_only else -1,
        max_age=settings.event_days * _DAY,
        max_bytes=_bytes_of(wanted, settings),
        duplicate_window=_DUPLICATE_WINDOW,
        num_replicas=settings.stream_replicas,
        allow_direct=True,
    )


def _bytes_of(wanted: Wanted, settings: RuntimeSettings) -> int:
    if wanted.name == EVENTS and settings.event_bytes is not None:
        return settings.event_bytes
    return _NO_LIMIT


def updated(existing: StreamConfig, wanted: StreamConfig) -> StreamConfig | None:
    """What to change of an existing stream; ``None`` when it will do as it is.

    Never makes it keep less, but for a limit in bytes where there is none: without one, a full disk refuses what is new.
    """
    merged = replace(
        existing,
        subjects=sorted({*(existing.subjects or ()), *(wanted.subjects or ())}),
        # No age means that messages are kept for ever, which is more than anybody asks for.
        max_age=max(existing.max_age, wanted.max_age or 0.0) if existing.max_age else existing.max_age,
        max_bytes=_wider(existing.max_bytes, wanted.max_bytes),
        num_replicas=max(existing.num_replicas or 1, wanted.num_replicas or 1),
    )
    unchanged = replace(existing, subjects=sorted(existing.subjects or ()))
    return None if merged == unchanged else merged


def _wider(existing: int | None, wanted: int | None) -> int | None:
    """Of two limits in bytes the one that keeps more, where both are limits."""
    limits = [each for each in (existing, wanted) if each is not None and each > 0]
    return max(limits) if limits else existing


def updated_bucket(existing: StreamConfig, copies: int) -> StreamConfig | None:
    """What to change of the stream of an existing bucket; ``None`` when it will do as it is."""
    merged = replace(existing, allow_direct=True, num_replicas=max(existing.num_replicas or 1, copies))
    return None if merged == existing else merged


async def ensure_streams(js: JetStreamContext, settings: RuntimeSettings) -> None:
    """Make what is missing and widen what is too narrow.

    Raises:
        nats.js.errors.Error: NATS refused; its text says why (storage not enabled, too few servers for the replicas).
    """
    for wanted in STREAMS:
        await _ensure_stream(js, stream_config(wanted, settings))
    for bucket in BUCKETS:
        await ensure_bucket(js, bucket, settings.stream_replicas)


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


async def ensure_bucket(js: JetStreamContext, bucket: Bucket, copies: int) -> None:
    """Make a bucket that is missing, or give it more copies."""
    try:
        existing = (await js.stream_info(bucket_stream(bucket.name))).config
    except NotFoundError:
        await js.create_key_value(_bucket_config(bucket, copies))
        return
    change = updated_bucket(existing, copies)
    if change is not None:
        await js.update_stream(change)


def _bucket_config(bucket: Bucket, copies: int) -> KeyValueConfig:
    return KeyValueConfig(
        bucket=bucket.name,
        description=bucket.description,
        history=1,
        ttl=bucket.ttl,
        storage=StorageType.FILE,
        replicas=copies,
        direct=True,
    )


def filters_of(service: str, hears: Iterable[type[Event]]) -> list[str]:
    """The subjects that a service's consumer delivers: its events, and what is replayed to it."""
    return sorted({subjects.subjects_of(each) for each in hears} | {subjects.replays_to(service)})


def consumer_config(service: str, hears: Iterable[type[Event]], settings: RuntimeSettings) -> ConsumerConfig:
    """The whole configuration of a service's durable consumer."""
    return ConsumerConfig(
        durable_name=service,
        filter_subjects=filters_of(service, hears),
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.ALL,
        ack_wait=settings.ack_wait,
        # The server never gives up by itself: the service counts, so that the object shows the reason.
        max_deliver=-1,
        max_ack_pending=settings.in_hand * 8,
    )


async def ensure_consumer(
    js: JetStreamContext, service: str, hears: Iterable[type[Event]], settings: RuntimeSettings
) -> None:
    """Make a service's consumer, or bring it up to date.

    Raises:
        nats.js.errors.Error: NATS refused.
    """
    wanted = consumer_config(service, hears, settings)
    try:
        existing = (await js.consumer_info(EVENTS, service)).config
    except NotFoundError:
        existing = None
    if existing is None or _differ(existing, wanted):
        await js.add_consumer(EVENTS, wanted)


def _differ(existing: ConsumerConfig, wanted: ConsumerConfig) -> bool:
    return (
        sorted(existing.filter_subjects or ()) != wanted.filter_subjects
        or existing.ack_wait != wanted.ack_wait
        or existing.max_ack_pending != wanted.max_ack_pending
    )


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
