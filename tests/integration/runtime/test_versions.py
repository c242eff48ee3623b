"""Services of version N and N+1 side by side, as in every upgrade: what each may tell, and who handles it.

Version N is this one. N+1 is what it may become: events with more fields, a type that N does not have, and a replica that knows it.
"""

import json
from contextlib import suppress
from datetime import datetime

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext

from app_platform.contracts import Envelope, encode, subjects
from app_platform.contracts.cloudevents import SPEC_VERSION
from app_platform.runtime.history import History
from app_platform.runtime.publish import Publisher
from support.consuming import Consuming, changed
from support.nats import until

LATER = "work.labrats.secret.changed.v2"
SOURCE = "/app-platform/tester"
TIME = "2026-01-31T12:00:00Z"


def of_a_later_version(name: str) -> bytes:
    """An event of a type that this version does not have."""
    body = {"specversion": SPEC_VERSION, "id": name, "source": SOURCE, "type": LATER, "time": TIME}
    return json.dumps({**body, "data": {"app": "my-app", "name": name, "intent": {"uid": "u"}}}).encode()


def with_more_fields(name: str) -> bytes:
    """An event of a type that both have, as a later version may write it."""
    event = changed(name)
    body = json.loads(encode(event, Envelope(SOURCE, datetime.fromisoformat(TIME))))
    body["data"]["reason"] = "a field that was added, with a default"
    return json.dumps(body).encode()


async def test_a_field_that_was_added_is_ignored_by_the_earlier_version(
    consuming: Consuming, js: JetStreamContext, history: History
) -> None:
    async with consuming() as seen:
        await js.publish(subjects.event_subject(changed("one")), with_more_fields("one"))
        await until(lambda: seen.names == ["one"], "the earlier version handles it")
    assert [letter async for letter in history.dead_letters()] == []


async def test_what_only_the_later_version_knows_is_left_to_its_replica(
    consuming: Consuming, js: JetStreamContext, publisher: Publisher, history: History
) -> None:
    names = {f"later-{n}" for n in range(20)}
    handled: set[str] = set()
    async with consuming(max_deliver=1_000) as seen:
        for name in sorted(names):
            await js.publish(subjects.event_subject(changed(name)), of_a_later_version(name))
        await publisher.publish(changed("now"))
        await until(lambda: seen.names == ["now"], "the earlier version goes on with what it knows")
        # The other replica, of the same durable consumer.
        pull = await js.pull_subscribe_bind("tester", "EVENTS")

        async def later_version_has_all() -> bool:
            with suppress(NatsTimeoutError):
                for message in await pull.fetch(5, timeout=1):
                    body = json.loads(message.data)
                    if body["type"] == LATER:
                        handled.add(body["data"]["name"])
                    await message.ack()
            return handled == names

        await until(later_version_has_all, "the later version handles what is its own", within=60)
    assert [letter async for letter in history.dead_letters()] == []
    assert seen.names == ["now"]


async def test_what_no_version_here_knows_ends_as_a_dead_letter(
    consuming: Consuming, js: JetStreamContext, history: History
) -> None:
    async with consuming(max_deliver=3):
        await js.publish(subjects.event_subject(changed("later")), of_a_later_version("later"))

        async def is_kept() -> bool:
            return [letter.reason async for _, letter in history.dead_letters()] == [
                "its type is none that this version has"
            ]

        await until(is_kept, "it is kept as a dead letter")
