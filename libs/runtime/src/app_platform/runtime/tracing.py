"""Traces of changes: how they pass from what was told to what is done and told because of it, by W3C Trace Context.

Guarantees: a batch is handled in the trace of its first event; each other event of it gets a span in its own trace, and both link to each
other. What is told of an object meanwhile goes on with the trace of the event about that object. So each change has one trace, also
where many are handled together. Attributes are never names that a user chose.
Leaves out: where spans go (``exporting``), and metrics (``telemetry``).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context

from app_platform.runtime import streams

_SCOPE: Final = "app_platform.runtime"
_LINKS: Final = 128
"""Of a span at most: what the SDK keeps (OpenTelemetry specification, ``OTEL_SPAN_LINK_COUNT_LIMIT``)."""
_CAUSES: Final[ContextVar[Mapping[str, Context]]] = ContextVar("causes")
"""While a batch is handled: name of each object that its events are about to the trace that tells of it."""

Headers = Mapping[str, str]


def tracer() -> trace.Tracer:
    """The tracer of this library."""
    return trace.get_tracer(_SCOPE)


def messaging(operation: str, count: int = 1) -> dict[str, str | int]:
    """Attributes of a span about events (OpenTelemetry semantic conventions, "Messaging spans").

    Args:
        operation: ``send`` or ``process``.
        count: Events in a batch.
    """
    found: dict[str, str | int] = {
        "messaging.system": "nats",
        "messaging.destination.name": streams.EVENTS,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
    return found | ({"messaging.batch.message_count": count} if count > 1 else {})


@contextmanager
def span(name: str) -> Iterator[None]:
    """A span of a service's own, for what does not begin with an event."""
    with tracer().start_as_current_span(name):
        yield


@contextmanager
def continued(traceparent: str) -> Iterator[None]:
    """What is told inside goes on with a trace that began elsewhere; a text that is no ``traceparent`` changes nothing."""
    token = context.attach(propagate.extract({"traceparent": traceparent}))
    try:
        yield
    finally:
        context.detach(token)


def traceparent(name: str = "") -> str:
    """The present trace and span, to be kept where somebody else goes on with it; empty outside a span.

    Args:
        name: Of the object that it is kept on: of a batch, the trace of the event about that object.
    """
    carrier: dict[str, str] = {}
    propagate.inject(carrier, _cause_of(name))
    return carrier.get("traceparent", "")


@contextmanager
def _caused_by(causes: Mapping[str, Context]) -> Iterator[None]:
    """What is told inside of an object goes on with the trace in ``causes`` for its name, and else with the current one."""
    token = _CAUSES.set(causes)
    try:
        yield
    finally:
        _CAUSES.reset(token)


@contextmanager
def about(name: str) -> Iterator[None]:
    """What is done inside concerns the object of that name; see ``handling``."""
    token = context.attach(_cause_of(name) or context.get_current())
    try:
        yield
    finally:
        context.detach(token)


def _cause_of(name: str) -> Context | None:
    return _CAUSES.get({}).get(name)


@contextmanager
def joined(what: str, traceparent: str) -> Iterator[None]:
    """What is done inside is a span of a trace that began elsewhere, with links from and to the current one.

    For an effect that many changes have in common, as Flux applies a commit. Where ``traceparent`` is none, or of the current trace, it
    is simply a span.

    Args:
        what: Name of the span.
        traceparent: Of the trace to be part of.
    """
    present = trace.get_current_span()
    other = propagate.extract({"traceparent": traceparent}, Context())
    theirs = trace.get_current_span(other).get_span_context()
    here = present.get_span_context()
    if not theirs.is_valid or theirs.trace_id == here.trace_id:
        with tracer().start_as_current_span(what):
            yield
        return
    with tracer().start_as_current_span(what, other, links=_links(present)) as made:
        present.add_link(made.get_span_context())
        yield


def trace_id() -> str:
    """The current trace id as 32 hex digits; empty outside a span."""
    found = trace.get_current_span().get_span_context()
    return format(found.trace_id, "032x") if found.is_valid else ""


@contextmanager
def handling(name: str, batch: Sequence[tuple[str, Headers]]) -> Iterator[trace.Span]:
    """The span in which a batch is handled.

    Args:
        name: Of the span.
        batch: Of each event the name of the object that it is about, and the headers that it came with.
    """
    others = [(of, propagate.extract(headers, Context())) for of, headers in batch[1:_LINKS]]
    with tracer().start_as_current_span(
        name,
        propagate.extract(batch[0][1]),
        trace.SpanKind.CONSUMER,
        messaging("process", len(batch)),
        links=[link for _, other in others for link in _links(trace.get_current_span(other))],
    ) as span:
        causes = {of: _in_batch(name, other, span) for of, other in others}
        with _caused_by({batch[0][0]: trace.set_span_in_context(span), **causes}):
            yield span


def _in_batch(name: str, other: Context, span: trace.Span) -> Context:
    made = tracer().start_span(f"{name} in a batch", other, links=_links(span))
    made.end()
    return trace.set_span_in_context(made)


def _links(span: trace.Span) -> list[trace.Link]:
    found = span.get_span_context()
    return [trace.Link(found)] if found.is_valid else []
