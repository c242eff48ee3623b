"""Runs a service: logging, telemetry, NATS, health, the consumer, background tasks, and an orderly end.

Guarantees: SIGTERM and SIGINT end it cleanly: no new messages, what runs is finished within the grace period, the rest is
given back. A background task that fails ends the process with status 1, so that whoever supervises it starts it again.
Leaves out: everything particular to a service, which is in its ``__main__``.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from app_platform.runtime import health, logs, streams, telemetry
from app_platform.runtime.budget import Budget, Limit, SharedBudget, shown
from app_platform.runtime.connection import connected, jetstream, stay_connected
from app_platform.runtime.consume import Consumer, Work, nothing_to_show
from app_platform.runtime.dry_run import Dry, Rehearsing
from app_platform.runtime.history import History
from app_platform.runtime.lag import Lag
from app_platform.runtime.outcomes import GaveUp, HandlerTable, P
from app_platform.runtime.permissions import identity_named
from app_platform.runtime.publish import EventSink, Publisher
from app_platform.runtime.settings import RuntimeSettings
from app_platform.runtime.store import KeyValue, Store, bucket_named

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """What a service gets of this library.

    Attributes:
        events: Where to publish.
        incarnation: Tells when the event history was created; another answer than before means that it was lost.
        budget: Opens a budget that all replicas share, by its name, limits and kind; see ``SharedBudget``.
        history: Opens what was told, to be read.
        store: Opens a bucket of values that all replicas share, by its name; see ``store.BUCKETS``.
    """

    events: EventSink
    incarnation: Callable[[], Awaitable[datetime | None]]
    budget: Callable[[str, Sequence[Limit], str], Budget]
    history: Callable[[], History]
    store: Callable[[str], KeyValue]


@dataclass(frozen=True)
class Service(Generic[P]):
    """A service as its composition root describes it.

    Attributes:
        name: Of the service, its consumer and its field manager.
        settings: Its settings.
        ports: Opens what the handlers need.
        handlers: Which handler takes which event; empty for a service that only publishes.
        gave_up: See ``GaveUp``.
        transient: See ``Work.transient``.
        tasks: Run beside the consumer for as long as the service runs.
        checks: Further readiness checks.
        dry: Makes ports for dry runs; ``None`` when the service answers none.
    """

    name: str
    settings: RuntimeSettings
    ports: Callable[[Runtime], AbstractAsyncContextManager[P]]
    handlers: HandlerTable[P] = field(default_factory=dict)
    gave_up: GaveUp[P] = nothing_to_show
    transient: tuple[type[Exception], ...] = ()
    tasks: tuple[Callable[[P], Awaitable[None]], ...] = ()
    checks: Callable[[P], Mapping[str, Callable[[], bool]]] | None = None
    dry: Dry[P] | None = None


def run(service: Service[P]) -> None:
    """Run a service until a signal ends it; exits the process with status 1 when it failed."""
    settings = service.settings
    logs.setup(service.name, settings.replica, settings.log_level)
    telemetry.setup(service.name, settings.replica)
    try:
        asyncio.run(until_signal(serve(service)))
    except Exception:  # noqa: BLE001 - the last place where it can be told
        _LOG.exception("%s ended", service.name)
        sys.exit(1)


async def until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Do some work until it ends or a signal ends it."""
    serving = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        _LOG.info("stopped")


async def serve(service: Service[P]) -> None:
    """Run a service until cancelled.

    Raises:
        Exception: Whatever ended one of its tasks.
    """
    checks: dict[str, Callable[[], bool]] = {"nats": lambda: False}
    settings = service.settings
    async with (
        health.serving(checks, settings.health_host, settings.health_port),
        connected(settings, service.name) as nc,
    ):
        await _serve_connected(service, nc, checks)


async def _serve_connected(service: Service[P], nc: Client, checks: dict[str, Callable[[], bool]]) -> None:
    js = jetstream(nc)
    await _until_streams(js, service.name)
    runtime = Runtime(
        Publisher(js, service.name, service.settings),
        lambda: streams.incarnation(js),
        lambda name, limits, kind: shown(SharedBudget(js, name, limits, kind)),
        lambda: History(nc, service.name, service.settings),
        lambda name: Store(js, bucket_named(name)),
    )
    async with service.ports(runtime) as ports, asyncio.TaskGroup() as group:
        group.create_task(stay_connected(nc))
        for task in service.tasks:
            group.create_task(_as_coroutine(task(ports)))
        if service.handlers:
            work = Work(service.name, ports, service.handlers, service.gave_up, service.transient)
            consumer = Consumer(nc, work, service.settings)
            checks["consumer"] = lambda: consumer.ready
            consumer.show_counts()
            group.create_task(consumer.run())
            group.create_task(Lag(nc, service.name).run())
            if service.dry:
                group.create_task(Rehearsing(nc, work, service.dry).run())
        checks["nats"] = lambda: nc.is_connected
        checks.update(service.checks(ports) if service.checks else {})
        _LOG.info("started")


async def _until_streams(js: JetStreamContext, service: str) -> None:
    identity = identity_named(service)
    needed = [streams.EVENTS, *map(streams.bucket_stream, identity.buckets if identity else ())]
    while missing := [name for name in needed if not await _is_there(js, name)]:
        _LOG.warning("waiting for %s: does bootstrap run?", ", ".join(missing))
        await asyncio.sleep(1.0)


async def _is_there(js: JetStreamContext, stream: str) -> bool:
    try:
        await js.stream_info(stream)
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        _LOG.info("%s: %s %s", stream, type(error).__name__, error)
        return False
    return True


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable
