"""Traces of what is handled together: each event keeps its own, and they link to each other."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app_platform.runtime import tracing

ONE = "00-" + "1" * 32 + "-" + "a" * 16 + "-01"
TWO = "00-" + "2" * 32 + "-" + "b" * 16 + "-01"


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The spans that ended."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", lambda: provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def spans(ended: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in ended.get_finished_spans()}


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def linked(span: ReadableSpan) -> set[int]:
    return {link.context.span_id for link in span.links}


def test_each_event_of_a_batch_keeps_its_trace_and_they_link_to_each_other(
    ended: InMemorySpanExporter,
) -> None:
    with tracing.handling("work", [("one", {"traceparent": ONE}), ("two", {"traceparent": TWO})]):
        assert tracing.trace_id() == "1" * 32
        assert tracing.traceparent("one").split("-")[1] == "1" * 32
        assert tracing.traceparent("two").split("-")[1] == "2" * 32
        assert tracing.traceparent("other").split("-")[1] == "1" * 32
        with tracing.about("two"), tracing.span("told of two"):
            pass
    found = spans(ended)
    work, beside, told = found["work"], found["work in a batch"], found["told of two"]
    assert [trace_of(span) for span in (work, beside, told)] == ["1" * 32, "2" * 32, "2" * 32]
    assert linked(work) == {int("b" * 16, 16)}
    assert linked(beside) == {work.context.span_id}
    assert told.parent
    assert told.parent.span_id == beside.context.span_id
    attributes = work.attributes or {}
    assert attributes["messaging.system"] == "nats"
    assert attributes["messaging.batch.message_count"] == 2


def test_outside_of_a_batch_nothing_is_known_of_its_events(ended: InMemorySpanExporter) -> None:
    with tracing.handling("work", [("one", {"traceparent": ONE}), ("two", {"traceparent": TWO})]):
        pass
    assert tracing.traceparent("two") == ""
    assert spans(ended)


def test_what_many_changes_have_in_common_is_told_in_the_trace_of_each(ended: InMemorySpanExporter) -> None:
    with tracing.span("Flux's report"):
        for traceparent in (ONE, TWO):
            with tracing.joined(f"told {traceparent[3]}", traceparent):
                assert tracing.trace_id() == traceparent.split("-")[1]
    found = spans(ended)
    report, one, two = found["Flux's report"], found["told 1"], found["told 2"]
    assert linked(one) == linked(two) == {report.context.span_id}
    assert linked(report) == {one.context.span_id, two.context.span_id}
    assert one.parent
    assert one.parent.span_id == int("a" * 16, 16)


@pytest.mark.parametrize("noted", ["", "no traceparent"])
def test_without_another_trace_it_is_part_of_the_present_one(ended: InMemorySpanExporter, noted: str) -> None:
    with tracing.span("report"):
        present = trace.get_current_span().get_span_context()
        with tracing.joined("told", noted):
            assert tracing.trace_id() == f"{present.trace_id:032x}"
    assert not spans(ended)["told"].links
