"""What each identity may do on a real nats-server, asked of it from the attacker's side.

A service that was taken over has its key, and the whole protocol: it may name any subject, and any reply subject.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import nats.errors
import nats.js.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from app_platform.contracts import (
    EVENT_CLASSES,
    SecretIntentChanged,
    UnreadableEventError,
    subjects,
)
from app_platform.contracts.dry_run import DryRun
from app_platform.runtime import (
    Batch,
    Done,
    Outcome,
    PublishError,
    RuntimeSettings,
    accounts,
    dry_run,
    event_data,
)
from app_platform.runtime.bootstrap import Bootstrap, ensure
from app_platform.runtime.connection import API, connected, jetstream
from app_platform.runtime.consume import Work
from app_platform.runtime.consumers import UnreachableError
from app_platform.runtime.dry_run import Rehearsing
from app_platform.runtime.history import History, Query
from app_platform.runtime.permissions import BOOTSTRAP, IDENTITIES, OPERATOR, READER, identity_named
from app_platform.runtime.publish import Publisher
from app_platform.runtime.store import Store, bucket_named
from app_platform.runtime.streams import SESSIONS
from support.consuming import changed
from support.nats import NatsServer, until
from support.samples import ENVELOPE, large_event

NAMES = [each.name for each in IDENTITIES]
SERVICES = [each.name for each in IDENTITIES if each.hears]
STREAMS = ["EVENTS", "DEAD_LETTERS", "EVENT_DATA", "KV_BUDGETS", "KV_SESSIONS"]
Connect = Callable[[str], Awaitable[Client]]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def guarded(tmp_path: Path, keys: Path) -> Iterator[NatsServer]:
    """A server with the accounts of the platform."""
    server = NatsServer(tmp_path, accounts.write(keys))
    server.start()
    yield server
    server.kill()


def settings_of(server: NatsServer, keys: Path, name: str) -> RuntimeSettings:
    return RuntimeSettings(
        nats_url=server.url, nats_nkey=accounts.key_file(keys, name), publish_timeout=1.0, ack_wait=2.0
    )


@pytest.fixture
async def connect(guarded: NatsServer, keys: Path) -> AsyncIterator[Connect]:
    """Connects as an identity; everything that bootstrap makes is there."""
    async with AsyncExitStack() as stack:

        async def as_identity(name: str) -> Client:
            return await stack.enter_async_context(
                connected(settings_of(guarded, keys, name), name, wait=False)
            )

        await ensure(jetstream(await as_identity(BOOTSTRAP)), settings_of(guarded, keys, BOOTSTRAP))
        yield as_identity


@pytest.fixture
async def owner(connect: Connect) -> Client:
    return await connect(BOOTSTRAP)


async def states(owner: Client) -> dict[str, int]:
    """Every stream with the number of its messages."""
    return {info.config.name or "": info.state.messages for info in await jetstream(owner).streams_info()}


async def quiet(client: Client) -> None:
    """Wait until the server has taken in all that a client sent, and a moment for what it does with it."""
    with contextlib.suppress(nats.errors.Error):
        await client.flush()
    await asyncio.sleep(0.1)


def example(event_class: type) -> str:
    return subjects.subjects_of(event_class).replace("*", "my-app")


@pytest.mark.parametrize("name", NAMES)
async def test_only_its_own_events_can_be_told(connect: Connect, owner: Client, name: str) -> None:
    client, identity = await connect(name), identity_named(name)
    assert identity is not None
    for event_class in set(EVENT_CLASSES) - set(identity.tells):
        await client.publish(example(event_class), b"{}")
    await client.publish("app-platform.events.my-app.unheard-of.x.done", b"{}")
    await quiet(client)
    # Confirmed, and stored after all that was sent before: if anything of that was let through, it is there by then.
    for event_class in identity.tells:
        await jetstream(client).publish(example(event_class), b"{}")
    await jetstream(owner).publish(
        "app-platform.replay.nobody.a.b.c.d", b"{}"
    )  # likewise, for who tells nothing
    stored = await jetstream(owner).stream_info("EVENTS", subjects_filter="app-platform.events.>")
    assert set(stored.state.subjects or ()) == {example(each) for each in identity.tells}


@pytest.mark.parametrize("name", NAMES)
async def test_nobody_but_bootstrap_changes_what_is_there(connect: Connect, owner: Client, name: str) -> None:
    await jetstream(owner).publish("app-platform.events.a.registration.a.changed", b"{}")
    before = await states(owner)
    client = await connect(name)
    config = {
        "durable_name": "watched",
        "ack_policy": "explicit",
        "deliver_subject": "app-platform.events.a.b.c.d",
    }
    requests = {
        "STREAM.CREATE.MINE": {"name": "MINE", "subjects": ["mine.>"]},
        "META.LEADER.STEPDOWN": None,
        **{
            f"{ask}.{stream}{more}": body
            for stream in STREAMS
            for ask, more, body in (
                ("STREAM.DELETE", "", None),
                ("STREAM.PURGE", "", None),
                ("STREAM.UPDATE", "", {"name": stream, "subjects": ["x.>"]}),
                ("STREAM.MSG.DELETE", "", {"seq": 1}),
                ("STREAM.MSG.GET", "", {"seq": 1}),
                ("CONSUMER.CREATE", "", {"stream_name": stream, "config": config}),
                ("CONSUMER.CREATE", ".watched", {"stream_name": stream, "config": config}),
                ("CONSUMER.DURABLE.CREATE", ".watched", {"stream_name": stream, "config": config}),
                ("CONSUMER.DELETE", ".git-committer", None),
                ("CONSUMER.PAUSE", ".git-committer", {"pause_until": "2999-01-01T00:00:00Z"}),
                ("STREAM.SNAPSHOT", "", {"deliver_subject": "_INBOX_reader.x"}),
            )
        },
    }
    for prefix in ("$JS.API", API):
        for subject, body in requests.items():
            if (name, subject) != (OPERATOR, "STREAM.MSG.DELETE.DEAD_LETTERS"):
                await client.publish(f"{prefix}.{subject}", json.dumps(body).encode() if body else b"")
    await quiet(client)
    assert await states(owner) == before
    names = {info.name for info in await jetstream(owner).consumers_info("EVENTS")}
    assert names == set(SERVICES)
    assert [info.paused for info in await jetstream(owner).consumers_info("EVENTS")].count(True) == 0


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("target", ["$JS.API.STREAM.DELETE.EVENTS", f"{API}.STREAM.DELETE.EVENTS"])
async def test_an_answer_sent_elsewhere_does_nothing_there(
    connect: Connect, owner: Client, name: str, target: str
) -> None:
    """The server answers to whatever subject a request names; STREAM.DELETE wants an empty message, and here is one."""
    client, identity = await connect(name), identity_named(name)
    assert identity is not None
    event = example(identity.hears[0])
    await jetstream(owner).publish(event, b"")
    await client.publish(f"{API}.DIRECT.GET.EVENT_DATA", b'{"seq":1}', reply=target)
    await client.publish(f"{API}.CONSUMER.MSG.NEXT.EVENTS.{name}", b'{"batch":1}', reply=target)
    await client.publish(f"{API}.STREAM.INFO.EVENTS", b"", reply=target)
    await client.publish(example(identity.tells[0]), b"", reply=target)
    await quiet(client)
    await asyncio.sleep(0.2)
    assert "EVENTS" in await states(owner)


async def test_in_one_account_it_would(nats_server: NatsServer) -> None:
    """Why each identity has an account: a server that behaves otherwise some day makes them needless."""
    async with connected(RuntimeSettings(nats_url=nats_server.url), "test", wait=False) as client:
        await ensure(jetstream(client), RuntimeSettings(nats_url=nats_server.url))
        await jetstream(client).publish("app-platform.events.a.registration.a.changed", b"")
        await client.publish(
            f"{API}.DIRECT.GET.EVENTS", b'{"seq":1}', reply="$JS.API.STREAM.DELETE.DEAD_LETTERS"
        )

        async def gone() -> bool:
            return "DEAD_LETTERS" not in await states(client)

        await until(gone, "an answer sent to the API is a request")


@pytest.mark.parametrize("victim", [READER, "git-committer"])
async def test_the_answers_of_others_cannot_be_read(connect: Connect, victim: str) -> None:
    attacker, target = await connect("watcher"), await connect(victim)
    heard: list[str] = []

    async def note(message: nats.aio.msg.Msg) -> None:  # type: ignore[name-defined]  # a lazy submodule
        heard.append(message.subject)

    for subject in (
        ">",
        "_INBOX.>",
        f"_INBOX_{victim}.>",
        "_R_.>",
        "$JS.>",
        "app-platform.events.>",
        "$KV.>",
    ):
        with contextlib.suppress(nats.errors.Error):
            await attacker.subscribe(subject, cb=note)
    await quiet(attacker)
    await jetstream(target).stream_info("EVENTS")
    await quiet(target)
    await quiet(attacker)
    assert heard == []


async def test_anothers_message_cannot_be_fetched_or_settled(connect: Connect, owner: Client) -> None:
    thief, js = await connect("namespace-rbac"), jetstream(owner)
    await js.publish("app-platform.events.a.secret.x.encrypted", b"{}")
    inbox = thief.new_inbox()
    stolen = await thief.subscribe(inbox)
    await thief.publish(f"{API}.CONSUMER.MSG.NEXT.EVENTS.git-committer", b'{"batch":1}', reply=inbox)
    with pytest.raises(nats.errors.TimeoutError):
        await stolen.next_msg(timeout=0.5)
    rightful = await connect("git-committer")
    inbox = rightful.new_inbox()
    waiting = await rightful.subscribe(inbox)
    await rightful.publish(f"{API}.CONSUMER.MSG.NEXT.EVENTS.git-committer", b'{"batch":1}', reply=inbox)
    message = await waiting.next_msg(timeout=5)
    for verb in (b"+ACK", b"+TERM"):
        await thief.publish(message.reply, verb)
    await quiet(thief)
    assert (await js.consumer_info("EVENTS", "git-committer")).num_ack_pending == 1
    await message.ack()
    await quiet(rightful)

    async def settled() -> bool:
        return bool((await js.consumer_info("EVENTS", "git-committer")).num_ack_pending == 0)

    await until(settled, "its own acknowledgement counts")


async def test_who_is_nobody_gets_in_nowhere(guarded: NatsServer, keys: Path, tmp_path: Path) -> None:
    strangers = tmp_path / "strangers"
    accounts.write(strangers)
    for settings in (RuntimeSettings(nats_url=guarded.url), settings_of(guarded, strangers, BOOTSTRAP)):
        with pytest.raises((nats.errors.Error, OSError)):
            async with connected(settings, BOOTSTRAP, wait=False):
                pass


@pytest.mark.parametrize("name", [READER, "dashboard"])
async def test_a_reader_reads_all_and_changes_nothing(
    connect: Connect, owner: Client, guarded: NatsServer, keys: Path, name: str
) -> None:
    told = changed("one")
    await Publisher(
        jetstream(await connect("watcher")), "watcher", settings_of(guarded, keys, "watcher")
    ).publish(told)
    history = History(await connect(name), name, settings_of(guarded, keys, name))
    (recorded,) = [found async for found in history.events(Query())]
    assert recorded.event == told
    assert await history.event_at(1) == recorded
    assert {state.name for state in await history.consumers()} == set(SERVICES)
    before = await states(owner)
    with pytest.raises(PublishError):
        await history.replay("git-committer", recorded)
    assert await states(owner) == before


async def test_the_operator_replays_and_redrives(connect: Connect, guarded: NatsServer, keys: Path) -> None:
    told = large_event("my-app")
    encryptor = settings_of(guarded, keys, "secrets-encryptor")
    await Publisher(jetstream(await connect("secrets-encryptor")), "secrets-encryptor", encryptor).publish(
        told
    )
    history = History(await connect(OPERATOR), OPERATOR, settings_of(guarded, keys, OPERATOR))
    (recorded,) = [found async for found in history.events(Query())]
    await history.replay("git-committer", recorded)
    committer = next(state for state in await history.consumers() if state.name == "git-committer")
    assert committer.waiting == 2


async def test_event_data_can_be_neither_replaced_nor_forged(
    connect: Connect, guarded: NatsServer, keys: Path
) -> None:
    encryptor, committer = await connect("secrets-encryptor"), await connect("git-committer")
    ref = await event_data.store(jetstream(encryptor), "secrets-encryptor", b"sealed" * 100_000, 5.0)
    _, digest = ref.split("/")
    await committer.publish(subjects.data_subject("secrets-encryptor", digest, "0"), b"forged")
    await quiet(committer)
    assert await event_data.fetch(committer, ref, 5.0) == b"sealed" * 100_000
    # Its own author may break it, which is seen.
    await jetstream(encryptor).publish(subjects.data_subject("secrets-encryptor", digest, "0"), b"forged")
    with pytest.raises(UnreadableEventError, match="not what was told"):
        await event_data.fetch(committer, ref, 5.0)


async def test_the_dashboard_keeps_its_sessions_and_nobody_else_reads_them(
    connect: Connect, owner: Client
) -> None:
    mine = Store(jetstream(await connect("dashboard")), bucket_named(SESSIONS))
    revision = await mine.create("ada", b"canary")
    assert await mine.update("ada", b"newer", revision) > revision
    await mine.delete("ada")
    assert await mine.get("ada") is None
    await mine.put("ada", b"canary")
    before = await states(owner)
    for name in NAMES:
        if name == "dashboard":
            continue
        client = await connect(name)
        await client.publish(f"$KV.{SESSIONS}.ada", b"forged")
        for ask in (f"KV_{SESSIONS}", f"KV_{SESSIONS}.$KV.{SESSIONS}.ada"):
            with pytest.raises(nats.errors.Error):
                await client.request(f"{API}.DIRECT.GET.{ask}", b'{"seq":1}', timeout=0.3)
    assert await states(owner) == before


async def test_bootstrap_makes_again_what_was_lost(guarded: NatsServer, keys: Path, owner: Client) -> None:
    settings, js = settings_of(guarded, keys, BOOTSTRAP), jetstream(owner)
    keeping = asyncio.create_task(Bootstrap(owner, settings, seconds=0.1).run())
    await js.delete_stream("EVENTS")
    await js.delete_stream(f"KV_{SESSIONS}")

    async def back() -> bool:
        if not set(STREAMS) <= (await states(owner)).keys():
            return False
        return {info.name for info in await js.consumers_info("EVENTS")} == set(SERVICES)

    await until(back, "all is there again")
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping


ANSWERING = [each.name for each in IDENTITIES if each.answers]


@asynccontextmanager
async def rehearsing(client: Client, name: str) -> AsyncIterator[None]:
    """A service that answers dry runs about changed intents."""

    async def nothing_to_do(_ports: None, _batch: Batch) -> Outcome:
        return Done()

    async def show(_ports: None, _batch: Batch, _reason: str) -> None: ...

    work: Work[None] = Work(name, None, {SecretIntentChanged: nothing_to_do}, show)
    task = asyncio.create_task(Rehearsing(client, work, lambda ports, _steps: ports).run())
    await quiet(client)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("name", ANSWERING)
async def test_the_operator_gets_a_dry_run_of_each_service(connect: Connect, name: str) -> None:
    operator = await connect(OPERATOR)
    async with rehearsing(await connect(name), name):
        answer = await dry_run.ask(operator, name, changed("one"), ENVELOPE)
    assert answer == DryRun("Done")


async def test_where_no_replica_is_the_operator_is_told_so(connect: Connect) -> None:
    with pytest.raises(UnreachableError, match="git-committer"):
        await dry_run.ask(await connect(OPERATOR), "git-committer", changed("one"), ENVELOPE, seconds=2.0)


@pytest.mark.parametrize("name", [name for name in NAMES if name != OPERATOR])
async def test_nobody_but_the_operator_can_ask_for_a_dry_run(connect: Connect, name: str) -> None:
    answering = next(each for each in ANSWERING if each != name)
    client = await connect(name)
    async with rehearsing(await connect(answering), answering):
        with pytest.raises(UnreachableError):
            await dry_run.ask(client, answering, changed("one"), ENVELOPE, seconds=0.5)


@pytest.mark.parametrize("name", NAMES)
async def test_nobody_hears_the_questions_for_another(connect: Connect, name: str) -> None:
    asked = next(each for each in ANSWERING if each != name)
    client, operator = await connect(name), await connect(OPERATOR)
    heard: list[bytes] = []

    async def listen(message: Msg) -> None:
        heard.append(message.data)

    await client.subscribe(subjects.dry_run_subject(asked), cb=listen)
    await quiet(client)
    async with rehearsing(await connect(asked), asked):
        await dry_run.ask(operator, asked, changed("one"), ENVELOPE)
    await quiet(client)
    assert heard == []
