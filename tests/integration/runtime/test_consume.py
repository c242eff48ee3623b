"""What becomes of messages: every one ends handled, given back, or kept as a dead letter."""

import asyncio
import json
import logging
from collections.abc import Awaitable
from datetime import UTC, datetime

import pytest
import structlog
from nats.js import JetStreamContext

from app_platform.contracts import (
    CommitPushed,
    EncryptedFile,
    Envelope,
    SecretEncrypted,
    SecretIntentChanged,
    encode,
    type_of,
)
from app_platform.contracts.cloudevents import encode_data
from app_platform.runtime import Batch, Done, Outcome, Reject, Retry, RuntimeSettings, Wait, event_data, logs
from app_platform.runtime.dead_letters import DeadLetter
from app_platform.runtime.history import History, Query
from app_platform.runtime.publish import Publisher
from support.consuming import Consuming, Seen, changed, note
from support.metrics import Metrics
from support.nats import until
from support.samples import CANARY, large_event


def settled(js: JetStreamContext, service: str = "tester") -> Awaitable[bool]:
    """Whether the service has nothing to do any more."""

    async def look() -> bool:
        info = await js.consumer_info("EVENTS", service)
        return (info.num_ack_pending, info.num_pending) == (0, 0)

    return look()


async def letters(history: History) -> list[DeadLetter]:
    return [letter async for _, letter in history.dead_letters()]


async def test_an_event_told_twice_is_handled_once(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext
) -> None:
    await publisher.publish(changed("one"), changed("one"))
    await publisher.publish(changed("one"))
    async with consuming() as seen:
        await publisher.publish(changed("two"))
        await until(lambda: "two" in seen.names, "the last event is handled")
        await until(lambda: settled(js), "all is settled")
    assert seen.names == ["one", "two"]
    assert (await js.stream_info("EVENTS")).state.messages == 2


async def test_what_comes_while_a_handler_runs_is_its_next_batch(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext
) -> None:
    go_on = asyncio.Event()

    async def slow(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        await go_on.wait()
        return Done()

    async with consuming(slow) as seen:
        await publisher.publish(changed("first"))
        await until(lambda: seen.names == ["first"], "the first event is in hand")
        for n in range(20):
            await publisher.publish(changed(f"next-{n}"))

        async def delivered() -> bool:
            return bool((await js.consumer_info("EVENTS", "tester")).num_ack_pending == 21)

        await until(delivered, "all events have arrived")
        go_on.set()
        await until(lambda: settled(js), "all is settled")
    assert seen.batches == [["first"], [f"next-{n}" for n in range(20)]]


async def test_a_batch_is_bounded(consuming: Consuming, publisher: Publisher, js: JetStreamContext) -> None:
    await publisher.publish(*(changed(f"i-{n}") for n in range(50)))
    async with consuming(max_batch=8, in_hand=10) as seen:
        await until(lambda: settled(js), "all is settled")
    assert max(map(len, seen.batches)) <= 8
    assert sorted(seen.names) == sorted(f"i-{n}" for n in range(50))


async def test_apps_do_not_wait_for_each_other(consuming: Consuming, publisher: Publisher) -> None:
    go_on = asyncio.Event()

    async def stuck(seen: Seen, batch: Batch) -> Outcome:
        assert len({event.app for event in batch}) == 1
        if batch[0].app == "stuck":
            await go_on.wait()
        seen.take(batch)
        return Done()

    async with consuming(stuck) as seen:
        await publisher.publish(changed("one", app="stuck"))
        await publisher.publish(changed("two", app="other"))
        await until(lambda: seen.names == ["two"], "the other app is served")
        go_on.set()
        await until(lambda: seen.names == ["two", "one"], "the stuck app is served in the end")


async def test_a_retry_comes_again_and_leaves_no_dead_letter(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext, history: History
) -> None:
    async def third_time(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        return Done() if len(seen.batches) == 3 else Retry("not yet")

    async with consuming(third_time) as seen:
        await publisher.publish(changed("one"))
        await until(lambda: len(seen.batches) == 3, "the third delivery")
        await until(lambda: settled(js), "all is settled")
    assert (seen.names, seen.gave_up) == (["one"] * 3, [])
    assert await letters(history) == []


async def test_waiting_for_a_limit_is_not_counted_as_a_try_nor_as_an_error(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext, history: History, told: Metrics
) -> None:
    async def limited(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        if len(seen.batches) <= 5:
            return Wait("the hour's writes are spent", after=0.05)
        return Retry("not yet", kind="GitUnavailable") if len(seen.batches) == 6 else Done()

    async with consuming(limited, max_deliver=2) as seen:
        await publisher.publish(changed("one"))
        await until(lambda: len(seen.batches) == 7, "the first real try, and the second")
        await until(lambda: settled(js), "all is settled")
    assert seen.gave_up == []
    assert await letters(history) == []
    of = f'type="{type_of(SecretIntentChanged)}"'
    handled = told.values("app_platform.events.handled")
    assert handled == {f'outcome="wait",{of}': 5, f'outcome="retry",{of}': 1, f'outcome="done",{of}': 1}
    errors = told.values("app_platform.handler.errors")
    assert errors == {'error="GitUnavailable",handler="limited"': 1}, "who waits for a limit has not failed"


async def test_all_of_a_batch_that_failed_come_again(consuming: Consuming, publisher: Publisher) -> None:
    async def second_time(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        return Done() if all(seen.names.count(event.name) > 1 for event in batch) else Retry("not yet")

    names = [f"i-{n}" for n in range(5)]
    await publisher.publish(*map(changed, names))
    async with consuming(second_time) as seen:
        await until(lambda: all(seen.names.count(name) > 1 for name in names), "all came again")
    assert seen.gave_up == []


async def test_a_rejected_event_becomes_a_dead_letter_at_once(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext, history: History
) -> None:
    async def refuse(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        return Reject("change the name")

    async with consuming(refuse) as seen:
        await publisher.publish(changed("one"))
        await until(lambda: settled(js), "all is settled")
        await until(lambda: seen.batches, "it was handled")
    (letter,) = await letters(history)
    assert (letter.service, letter.app, letter.name) == ("tester", "my-app", "one")
    assert (letter.event_id, letter.sequence) == (changed("one").id, 1)
    assert (letter.reason, letter.attempts) == ("change the name", 1)
    assert seen.gave_up == [(["one"], "change the name")]
    assert seen.batches == [["one"]]


async def test_used_up_retries_become_a_dead_letter(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext, history: History
) -> None:
    async def never(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        return Retry("the forge is away")

    async with consuming(never, max_deliver=4) as seen:
        await publisher.publish(changed("one"))
        await until(lambda: seen.gave_up, "it is given up")
        await until(lambda: settled(js), "all is settled")
    assert seen.names == ["one"] * 4
    assert seen.gave_up == [(["one"], "the forge is away")]
    assert [(x.reason, x.attempts) for x in await letters(history)] == [("the forge is away", 4)]


async def test_a_gave_up_that_fails_keeps_the_dead_letter(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext, history: History
) -> None:
    async def refuse(seen: Seen, batch: Batch) -> Outcome:
        seen.gave_up = None  # type: ignore[assignment]  # so that showing the reason fails
        return Reject("no")

    async with consuming(refuse):
        await publisher.publish(changed("one"))
        await until(lambda: settled(js), "all is settled")
        await until(lambda: _some(history), "the letter is kept")


async def _some(history: History) -> bool:
    return bool(await letters(history))


async def test_one_bad_event_harms_itself_alone(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext, history: History
) -> None:
    async def defective(seen: Seen, batch: Batch) -> Outcome:
        if any(event.name == "bad" for event in batch):
            raise KeyError(CANARY)
        seen.take(batch)
        return Done()

    names = [f"i-{n}" for n in range(10)]
    await publisher.publish(*map(changed, [*names[:5], "bad", *names[5:]]))
    async with consuming(defective, max_deliver=3) as seen:
        await until(lambda: settled(js), "all is settled")
        await until(lambda: seen.gave_up, "the bad one is given up")
    assert sorted(seen.names) == names
    assert [names for names, _ in seen.gave_up] == [["bad"]]
    (letter,) = await letters(history)
    assert letter.name == "bad"
    assert "KeyError" in letter.reason
    assert CANARY not in letter.reason


class AwayError(Exception):
    """Stands for a cluster that does not answer."""


async def test_a_transient_exception_is_a_retry_of_the_whole_batch(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext
) -> None:
    async def away(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        if any(seen.names.count(event.name) == 1 for event in batch):
            raise AwayError
        return Done()

    names = [f"i-{n}" for n in range(5)]
    await publisher.publish(*map(changed, names))
    async with consuming(away, transient=(AwayError,)) as seen:
        await until(lambda: all(seen.names.count(name) > 1 for name in names), "all came again")
        await until(lambda: settled(js), "all is settled")
    assert seen.gave_up == []


async def test_an_unreadable_message_becomes_a_dead_letter_and_stops_nobody(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext, history: History
) -> None:
    await js.publish("app-platform.events.my-app.secret-intent.x.changed", f"no event {CANARY}".encode())
    await publisher.publish(changed("one"))
    async with consuming() as seen:
        await until(lambda: seen.names == ["one"], "the readable one is handled")
        await until(lambda: settled(js), "all is settled")
    (letter,) = await letters(history)
    assert (letter.sequence, letter.event_type, letter.app) == (1, "", "")
    assert "not a CloudEvent" in letter.reason
    assert CANARY not in letter.to_json().decode()
    raw = await js.get_last_msg("DEAD_LETTERS", "app-platform.dead.tester.unreadable")
    assert raw.data == letter.to_json()


async def test_a_message_that_no_parser_can_hold_becomes_a_dead_letter(
    consuming: Consuming, js: JetStreamContext, history: History
) -> None:
    await js.publish("app-platform.events.my-app.secret-intent.x.changed", b"[" * 200_000)
    async with consuming(ack_wait=1.0):
        await until(lambda: _some(history), "the letter is kept", within=5)


async def test_data_too_large_for_a_message_arrives_whole(
    consuming: Consuming,
    publisher: Publisher,
    js: JetStreamContext,
    history: History,
    settings: RuntimeSettings,
) -> None:
    large = SecretEncrypted(
        app="my-app",
        name="large",
        uid="u",
        resource_version="1",
        fingerprint="f",
        keys=("k",),
        files=(EncryptedFile(path="secrets/a/large.yaml", content="ä" * 1_500_000),),
    )
    async with consuming(handlers={SecretEncrypted: note}) as seen:
        await publisher.publish(large)
        await until(lambda: seen.events, "it arrives")
    assert seen.events == [large]
    assert (await js.stream_info("EVENTS")).state.bytes < settings.max_inline_bytes
    assert [r.event async for r in history.events(Query())] == [large]


async def test_large_data_that_is_gone_makes_a_dead_letter(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext, history: History
) -> None:
    event = large_event("a")
    await publisher.publish(event)
    await js.purge_stream("EVENT_DATA")
    async with consuming(handlers={SecretEncrypted: note}) as seen:
        await until(lambda: _some(history), "the letter is kept")
    (letter,) = await letters(history)
    assert "has left the store" in letter.reason
    assert seen.events == []


async def test_large_data_that_comes_a_moment_later_is_waited_for(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext, history: History
) -> None:
    """As when the copy of the stream that answers is behind the one that took it in."""
    event = large_event("a")
    await publisher.publish(event)
    await js.purge_stream("EVENT_DATA", keep=1)

    async def looked_at() -> bool:
        delivered = (await js.consumer_info("EVENTS", "tester")).delivered
        return delivered is not None and delivered.consumer_seq > 1

    async with consuming(handlers={SecretEncrypted: note}) as seen:
        await until(looked_at, "it was looked at in vain")
        await event_data.store(js, "test", encode_data(event), 5.0)
        await until(lambda: seen.events == [event], "it is handled")
    assert await letters(history) == []


async def test_an_event_on_the_subject_of_another_is_not_handled(
    consuming: Consuming, js: JetStreamContext, history: History
) -> None:
    """Who may tell what is decided by subject: what another tells in a body of its choice must not count."""
    forged = encode(
        CommitPushed(app="a", name="a", sha="s", paths=(), intents=(), removed=(), digest="d"),
        Envelope("/app-platform/git-committer", datetime.now(UTC)),
    )
    await js.publish("app-platform.events.a.secret-intent.one.changed", forged)
    await js.publish("app-platform.replay.tester.a.secret-intent.one.changed", forged)
    async with consuming(handlers={SecretIntentChanged: note, CommitPushed: note}) as seen:
        await until(lambda: settled(js), "all is settled")
    assert seen.events == []
    assert {letter.reason for letter in await letters(history)} == {"it came on the subject of another event"}


async def test_a_long_handler_keeps_its_message(
    consuming: Consuming, publisher: Publisher, js: JetStreamContext
) -> None:
    async def long(seen: Seen, batch: Batch) -> Outcome:
        seen.take(batch)
        await asyncio.sleep(3.0)  # the work itself: three times ack_wait
        return Done()

    async with consuming(long, ack_wait=1.0) as seen:
        await publisher.publish(changed("one"))
        await until(lambda: seen.names, "it is in hand")
        await until(lambda: settled(js), "all is settled")
        assert (await js.consumer_info("EVENTS", "tester")).num_redelivered == 0
    assert seen.names == ["one"]


async def test_log_lines_of_a_handler_name_the_event_and_the_trace(
    consuming: Consuming, publisher: Publisher, capsys: pytest.CaptureFixture[str]
) -> None:
    async def talk(seen: Seen, batch: Batch) -> Outcome:
        logging.getLogger("app_platform.tester").info("at work")
        seen.take(batch)
        return Done()

    logs.setup("tester", "0", "INFO")
    try:
        async with consuming(talk) as seen:
            await publisher.publish(changed("one"))
            await until(lambda: seen.names, "it is handled")
        told = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "at work" in line]
    finally:
        logging.getLogger().handlers.clear()
        logging.getLogger().setLevel(logging.WARNING)
        structlog.contextvars.clear_contextvars()
    (line,) = told
    assert (line["event"], line["app"], line["batch"]) == ("at work", "my-app", 1)
    assert line["event_id"] == changed("one").id


async def test_data_that_does_not_come_holds_up_nobody(
    consuming: Consuming, publisher: Publisher, settings: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = SecretEncrypted(
        app="my-app",
        name="large",
        uid="u",
        resource_version="1",
        fingerprint="f",
        keys=(),
        files=(EncryptedFile(path="p", content="x" * (settings.max_inline_bytes + 1)),),
    )
    await publisher.publish(large)
    monkeypatch.setattr("app_platform.runtime.event_data.fetch", _until_told)
    async with consuming(handlers={SecretEncrypted: note, SecretIntentChanged: note}, grace=1.0) as seen:
        await publisher.publish(changed("one"))
        await until(lambda: seen.names == ["one"], "the one with its data inside is handled")


async def _until_told(_nc: object, ref: str | None, _seconds: float) -> bytes | None:
    if ref is not None:
        await asyncio.Event().wait()
    return None
