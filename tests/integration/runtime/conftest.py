"""The runtime on a real nats-server: consumers of this process, and what they handled."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from app_platform.contracts import Event, SecretIntentChanged
from app_platform.runtime import Backoff, Handler, RuntimeSettings
from app_platform.runtime.bootstrap import Bootstrap
from app_platform.runtime.connection import connected
from app_platform.runtime.consume import Consumer, Work
from app_platform.runtime.history import History
from app_platform.runtime.permissions import Identity
from app_platform.runtime.publish import Publisher
from app_platform.runtime.streams import ensure_streams
from support.consuming import Consuming, Seen, note, settings_for, show
from support.nats import NatsServer, until


@pytest.fixture
def settings(nats_server: NatsServer) -> RuntimeSettings:
    return settings_for(nats_server)


@pytest.fixture
async def nc(settings: RuntimeSettings) -> AsyncIterator[Client]:
    async with connected(settings, "test") as client:
        await ensure_streams(client.jetstream(), settings)
        yield client


@pytest.fixture
def js(nc: Client) -> JetStreamContext:
    return nc.jetstream()


@pytest.fixture
def publisher(js: JetStreamContext, settings: RuntimeSettings) -> Publisher:
    return Publisher(js, "test", settings)


@pytest.fixture
def history(nc: Client, settings: RuntimeSettings) -> History:
    return History(nc, "test", settings)


@pytest.fixture
def consuming(nats_server: NatsServer) -> Consuming:
    """Runs a service's consumer on its own connection, for as long as a context is open."""

    @asynccontextmanager
    async def run(
        handler: Handler[Seen] = note,
        service: str = "tester",
        handlers: Mapping[type[Event], Handler[Seen]] | None = None,
        transient: tuple[type[Exception], ...] = (),
        **changes: Any,
    ) -> AsyncIterator[Seen]:
        settings, seen = settings_for(nats_server, **changes), Seen()
        work = Work(service, seen, handlers or {SecretIntentChanged: handler}, show, transient)
        async with connected(settings, service) as client:
            identity = Identity(service, hears=tuple(work.handlers))
            bootstrap = Bootstrap(client, settings, [identity], seconds=0.2)
            consumer = Consumer(client, work, settings, Backoff(first=0.02, cap=0.1))
            keeping = asyncio.create_task(bootstrap.run())
            task = asyncio.create_task(consumer.run())
            try:
                await until(lambda: consumer.ready, "the consumer is ready")
                yield seen
            finally:
                for each in (task, keeping):
                    each.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await each

    return run
