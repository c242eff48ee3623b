"""Spans of a real service process, as a receiver of OTLP gets them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from nats.js import JetStreamContext
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app_platform.contracts import SecretIntentChanged
from app_platform.local.ports import choose
from app_platform.runtime.publish import Publisher
from app_platform.runtime.streams import ensure_consumer
from support.consuming import changed, settings_for
from support.nats import NatsServer, until

SERVICE = Path(__file__).with_name("service.py")
NAME = "c4n4ry-n4m3"


class Receiver:
    """Takes spans over HTTP, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response(content_type="application/x-protobuf")

    @property
    def spans(self) -> dict[str, str]:
        """Name of the service by name of the span."""
        return {
            span.name: next(a.value.string_value for a in each.resource.attributes if a.key == "service.name")
            for request in self.requests
            for each in request.resource_spans
            for scope in each.scope_spans
            for span in scope.spans
        }


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/v1/traces", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def start(server: NatsServer, log: Path, endpoint: str) -> subprocess.Popen[bytes]:
    env = {
        "PATH": os.environ["PATH"],
        "APP_PLATFORM_NATS_URL": server.url,
        "APP_PLATFORM_HEALTH_PORT": str(choose(["h"], {}, str(log))["h"]),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with log.open("wb") as out:
        return subprocess.Popen([sys.executable, str(SERVICE)], env=env, stderr=out)


async def run_service(server: NatsServer, folder: Path, publisher: Publisher, endpoint: str) -> int:
    """Let a service handle one event, then end it; returns its exit status."""
    log = folder / "service.log"
    process = start(server, log, endpoint)
    try:
        await publisher.publish(changed(NAME))
        await until(lambda: "begun" in log.read_text(), "the event is handled")
        process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(process.wait, 60)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def _consumer(js: JetStreamContext, nats_server: NatsServer) -> None:
    await ensure_consumer(js, "tester", [SecretIntentChanged], settings_for(nats_server))


@pytest.mark.usefixtures("_consumer")
async def test_a_receiver_gets_the_spans_without_names_that_people_chose(
    nats_server: NatsServer, publisher: Publisher, receiver: Receiver, tmp_path: Path
) -> None:
    assert await run_service(nats_server, tmp_path, publisher, receiver.url) == 0
    assert set(receiver.spans.values()) == {"tester"}
    assert any("handle" in name for name in receiver.spans)
    assert not any(NAME.encode() in request.SerializeToString() for request in receiver.requests)


@pytest.mark.usefixtures("_consumer")
async def test_a_receiver_that_is_away_holds_nothing_up(
    nats_server: NatsServer, publisher: Publisher, tmp_path: Path
) -> None:
    nobody = f"http://127.0.0.1:{choose(['nobody'], {}, str(tmp_path))['nobody']}"
    assert await run_service(nats_server, tmp_path, publisher, nobody) == 0
