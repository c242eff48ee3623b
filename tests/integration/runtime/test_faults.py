"""The runtime while NATS loses things and processes end."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from app_platform.contracts import SecretIntentChanged
from app_platform.local.ports import choose
from app_platform.runtime import Batch, Done, Outcome, PublishError, Retry, RuntimeSettings
from app_platform.runtime.connection import connected, stay_connected
from app_platform.runtime.publish import Publisher
from app_platform.runtime.streams import ensure_consumer, ensure_streams, incarnation
from support.consuming import Consuming, Seen, changed, settings_for
from support.nats import NatsServer, until

SERVICE = Path(__file__).with_name("service.py")


async def published(publisher: Publisher, name: str) -> bool:
    with suppress(PublishError):
        await publisher.publish(changed(name))
        return True
    return False


async def test_a_consumer_that_was_deleted_is_made_again(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext
) -> None:
    async with consuming() as seen:
        await publisher.publish(changed("before"))
        await until(lambda: seen.names == ["before"], "the first event is handled")
        await js.delete_consumer("EVENTS", "tester")
        await publisher.publish(changed("after"))
        await until(lambda: "after" in seen.names, "the event after the deletion is handled")


async def test_a_lost_store_is_made_again(consuming: Consuming, nats_server: NatsServer, nc: Client) -> None:
    publisher = Publisher(nc.jetstream(), "test", settings_for(nats_server, publish_timeout=1.0))
    async with consuming() as seen:
        await publisher.publish(changed("before"))
        await until(lambda: seen.names == ["before"], "the first event is handled")
        first = await incarnation(nc.jetstream())
        nats_server.lose_store()
        await until(lambda: published(publisher, "after"), "an event can be published again", within=60)
        await until(lambda: "after" in seen.names, "it is handled", within=60)
        assert await incarnation(nc.jetstream()) not in {None, first}


async def test_a_killed_server_keeps_what_it_confirmed(
    consuming: Consuming, nats_server: NatsServer, publisher: Publisher
) -> None:
    names = [f"i-{n}" for n in range(100)]
    await publisher.publish(*map(changed, names))
    nats_server.kill()
    nats_server.start()
    async with consuming() as seen:
        await until(lambda: len(seen.names) >= 100, "all are handled")
    assert sorted(seen.names) == sorted(names)


async def test_publishing_without_a_server_ends_in_an_error_and_can_be_repeated(
    nats_server: NatsServer, nc: Client, js: JetStreamContext
) -> None:
    publisher = Publisher(js, "test", settings_for(nats_server, publish_timeout=0.5))
    nats_server.kill()
    with pytest.raises(PublishError, match="did not confirm"):
        await publisher.publish(changed("one"))
    nats_server.start()
    await until(lambda: published(publisher, "one"), "it is published", within=60)
    await until(lambda: published(publisher, "one"), "and again", within=60)
    assert (await js.stream_info("EVENTS")).state.messages == 1


async def test_a_stopped_replica_finishes_what_runs_and_gives_the_rest_back(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext
) -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    async def slow(seen: Seen, batch: Batch) -> Outcome:
        begun.set()
        await go_on.wait()
        seen.take(batch)
        return Done()

    names = [f"i-{n}" for n in range(6)]
    # ack_wait is far beyond the test's time limit: only giving back brings the rest to the other replica.
    await publisher.publish(*map(changed, names))
    async with consuming(slow, max_batch=1, ack_wait=3600) as first:

        async def delivered() -> bool:
            return bool((await js.consumer_info("EVENTS", "tester")).num_ack_pending == 6)

        await begun.wait()
        await until(delivered, "all events are in hand")
        asyncio.get_running_loop().call_later(0.5, go_on.set)
    assert first.names == ["i-0"]
    async with consuming(ack_wait=3600) as second:
        await until(lambda: len(second.names) >= 5, "the rest comes to the other replica")
    assert sorted(second.names) == names[1:]


async def test_a_handler_that_does_not_end_in_time_is_cancelled_and_its_events_given_back(
    consuming: Consuming, publisher: Publisher
) -> None:
    begun = asyncio.Event()

    async def endless(_seen: Seen, _batch: Batch) -> Outcome:
        begun.set()
        await asyncio.Event().wait()
        return Done()

    await publisher.publish(changed("one"))
    async with consuming(endless, grace=0.2, ack_wait=3600):
        await begun.wait()
    async with consuming(ack_wait=3600) as second:
        await until(lambda: second.names == ["one"], "it comes to the other replica")


async def test_two_replicas_share_the_work(consuming: Consuming, publisher: Publisher) -> None:
    names = [f"i-{n}" for n in range(200)]

    async def brief(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        await asyncio.sleep(0)
        return Done()

    async with consuming(brief, in_hand=10) as one, consuming(brief, in_hand=10) as two:
        for name in names:
            await publisher.publish(changed(name, app=f"app-{name}"))
        await until(lambda: len(one.names) + len(two.names) >= 200, "all are handled")
    assert sorted(one.names + two.names) == sorted(names)
    assert one.names
    assert two.names


async def test_a_stream_that_somebody_made_wider_stays_so(
    js: JetStreamContext, settings: RuntimeSettings
) -> None:
    config = (await js.stream_info("EVENTS")).config
    config.max_age, config.subjects = 30 * 86_400.0, [*(config.subjects or ()), "somebody.elses.>"]
    await js.update_stream(config)
    await ensure_streams(js, settings)
    now = (await js.stream_info("EVENTS")).config
    assert now.max_age == 30 * 86_400.0
    assert "somebody.elses.>" in (now.subjects or ())


async def test_replicas_that_start_together_make_the_streams_once(nats_server: NatsServer) -> None:
    settings = settings_for(nats_server)
    async with connected(settings, "a") as one, connected(settings, "b") as two:
        await asyncio.gather(*(ensure_streams(c.jetstream(), settings) for c in (one, two, one, two)))
        names = {info.config.name for info in await one.jetstream().streams_info()}
    assert names == {"EVENTS", "DEAD_LETTERS", "EVENT_DATA", "KV_BUDGETS", "KV_SESSIONS"}


class Process:
    """tests/integration/runtime/service.py as a process."""

    def __init__(self, server: NatsServer, folder: Path, handler: str) -> None:
        self.log = folder / "service.log"
        self.health = f"http://127.0.0.1:{(port := choose(['h'], {}, str(self.log))['h'])}"
        env = {
            "PATH": os.environ["PATH"],
            "APP_PLATFORM_NATS_URL": server.url,
            "APP_PLATFORM_HEALTH_PORT": str(port),
            "TEST_HANDLER": handler,
        }
        with self.log.open("wb") as out:
            self.process = subprocess.Popen([sys.executable, str(SERVICE)], env=env, stderr=out)

    def says(self, text: str) -> bool:
        """Whether its log holds a text."""
        return text in self.log.read_text()

    def end(self, number: int) -> int:
        """Signal it and wait; returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@pytest.fixture
def processes(nats_server: NatsServer, tmp_path: Path) -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for each in started:
        each.process.kill()
        each.process.wait()


async def test_a_killed_replicas_batch_comes_to_another(
    consuming: Consuming,
    js: JetStreamContext,
    publisher: Publisher,
    nats_server: NatsServer,
    tmp_path: Path,
    processes: list[Process],
) -> None:
    await ensure_consumer(js, "tester", [SecretIntentChanged], settings_for(nats_server, ack_wait=1.0))
    processes.append(Process(nats_server, tmp_path, "endless"))
    await publisher.publish(*(changed(f"i-{n}") for n in range(5)))
    await until(lambda: processes[0].says("begun"), "the process has a batch in hand")
    processes[0].end(signal.SIGKILL)
    async with consuming(ack_wait=1.0) as seen:
        await until(lambda: len(seen.names) >= 5, "the events come again")
    assert sorted(seen.names) == [f"i-{n}" for n in range(5)]


async def status(url: str) -> int:
    try:
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            return response.status
    except aiohttp.ClientError:
        return 0


async def is_status(url: str, wanted: int) -> bool:
    return await status(url) == wanted


async def test_a_service_says_how_it_is_and_ends_cleanly(
    nats_server: NatsServer,
    tmp_path: Path,
    processes: list[Process],
    publisher: Publisher,
    js: JetStreamContext,
) -> None:
    await ensure_consumer(js, "tester", [SecretIntentChanged], settings_for(nats_server))
    nats_server.kill()
    process = Process(nats_server, tmp_path, "note")
    processes.append(process)
    await until(lambda: is_status(f"{process.health}/healthz", 200), "it is alive")
    assert await status(f"{process.health}/readyz") == 503
    nats_server.start()
    await until(lambda: is_status(f"{process.health}/readyz", 200), "it is ready")
    await until(lambda: published(publisher, "one"), "an event is published", within=60)
    await until(lambda: process.says("begun"), "it is handled")
    async with aiohttp.ClientSession() as http, http.get(f"{process.health}/metrics") as response:
        text = await response.text()
    assert "app_platform_events_handled" in text
    nats_server.kill()
    await until(lambda: is_status(f"{process.health}/readyz", 503), "it is not ready without NATS")
    nats_server.start()
    await until(lambda: is_status(f"{process.health}/readyz", 200), "it is ready again", within=60)
    assert process.end(signal.SIGTERM) == 0
    assert process.says("stopped")


async def test_a_connection_that_does_not_come_back_is_made_anew(nats_server: NatsServer) -> None:
    async with connected(settings_for(nats_server), "test") as client:
        watching = asyncio.create_task(stay_connected(client, patience=0.5))
        await asyncio.sleep(1.5)
        assert not watching.done()
        nats_server.kill()
        with pytest.raises(ConnectionError, match="no connection to NATS"):
            await watching


async def test_a_failed_task_ends_the_process(
    nats_server: NatsServer, tmp_path: Path, processes: list[Process]
) -> None:
    async with connected(settings_for(nats_server), "test") as client:
        await ensure_streams(client.jetstream(), settings_for(nats_server))
    process = Process(nats_server, tmp_path, "failing-task")
    processes.append(process)
    assert await asyncio.to_thread(process.process.wait, 30) == 1
    assert process.says("RuntimeError")


async def test_retries_of_one_replica_go_on_at_another(consuming: Consuming, publisher: Publisher) -> None:
    async def never(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        return Retry("not here")

    await publisher.publish(changed("one"))
    async with consuming(never, max_deliver=1000) as first:
        await until(lambda: len(first.names) >= 2, "it was tried twice")
    async with consuming() as second:
        await until(lambda: second.names == ["one"], "the other replica does it")
