"""The only part of the platform that speaks NATS: publish, consume, outcomes, dead letters, replay, telemetry, health.

A service describes itself as a ``Service`` and calls ``run``; its handlers get batches of events and return an outcome.
See ``consume`` for what is guaranteed of a message, and ``streams`` for what is stored where.
"""

from app_platform.runtime.outcomes import (
    Backoff,
    Batch,
    Done,
    GaveUp,
    Handler,
    HandlerTable,
    Outcome,
    Reject,
    Retry,
    Wait,
    resync_mark,
)
from app_platform.runtime.publish import EventSink, PublishError
from app_platform.runtime.service import Runtime, Service, run, serve
from app_platform.runtime.settings import RuntimeSettings, SettingsError, load
from app_platform.runtime.store import Entry, KeyChangedError, KeyValue, StoreError
from app_platform.runtime.streams import SESSIONS

__all__ = [
    "SESSIONS",
    "Backoff",
    "Batch",
    "Done",
    "Entry",
    "EventSink",
    "GaveUp",
    "Handler",
    "HandlerTable",
    "KeyChangedError",
    "KeyValue",
    "Outcome",
    "PublishError",
    "Reject",
    "Retry",
    "Runtime",
    "RuntimeSettings",
    "Service",
    "SettingsError",
    "StoreError",
    "Wait",
    "load",
    "resync_mark",
    "run",
    "serve",
]
