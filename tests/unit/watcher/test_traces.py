"""What is told of a change goes on with the trace that is noted on it, and nothing else does."""

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from app_platform.contracts import Event, SecretIntentChanged
from app_platform.runtime import PublishError, tracing
from app_platform.watcher.core import trace_of
from app_platform.watcher.outbox import Outbox
from support.nats import until

ONE = "00-" + "1" * 32 + "-" + "a" * 16 + "-01"
TWO = "00-" + "2" * 32 + "-" + "b" * 16 + "-01"


@pytest.mark.parametrize(
    ("noted", "before", "is_new", "goes_on"),
    [
        (ONE, None, True, ONE),
        (ONE, None, False, ""),
        (ONE, ONE, False, ""),
        (TWO, ONE, False, TWO),
        (ONE, "", False, ONE),
        ("", None, True, ""),
        ("", ONE, False, ""),
    ],
)
def test_a_trace_is_gone_on_with_once(
    noted: str,
    before: str | None,
    is_new: bool,  # noqa: FBT001 - a column of the table
    goes_on: str,
) -> None:
    assert trace_of(noted, before, is_new=is_new) == goes_on


class Telling:
    """The ``EventSink`` port: which event was told in which trace."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}
        self.away = 0

    async def publish(self, *events: Event) -> None:
        if self.away:
            self.away -= 1
            raise PublishError("away")
        self.told |= {event.name: tracing.trace_id() for event in events}


def changed(name: str, version: int = 1) -> SecretIntentChanged:
    return SecretIntentChanged(app="my-app", name=name, uid="u", resource_version=str(version))


async def emptied(outbox: Outbox, sink: Telling, *names: str) -> None:
    task = asyncio.create_task(outbox.run())
    await until(lambda: set(names) <= sink.told.keys(), "all are told")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_each_event_is_told_in_its_own_trace() -> None:
    sink = Telling()
    outbox = Outbox(sink)
    outbox.put(changed("plain"))
    outbox.put(changed("one"), ONE)
    outbox.put(changed("two"), TWO)
    outbox.put(changed("odd"), "no traceparent")
    await emptied(outbox, sink, "plain", "one", "two", "odd")
    assert sink.told == {"plain": "", "one": "1" * 32, "two": "2" * 32, "odd": ""}


async def test_a_later_mark_does_not_lose_the_trace_of_a_change_that_waits() -> None:
    sink = Telling()
    outbox = Outbox(sink)
    outbox.put(changed("one"), ONE)
    outbox.put(changed("one", 2))
    await emptied(outbox, sink, "one")
    assert sink.told == {"one": "1" * 32}


def test_what_is_noted_is_the_present_span() -> None:
    assert tracing.traceparent() == ""
    with trace.use_span(TracerProvider().get_tracer("test").start_span("click")) as span:
        context = span.get_span_context()
        assert tracing.traceparent().startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")
