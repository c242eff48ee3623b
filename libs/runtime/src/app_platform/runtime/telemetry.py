"""Traces and metrics by OpenTelemetry: context in message headers, metrics on ``/metrics`` in Prometheus format.

Guarantees: attributes are event types, services and outcomes only: never a name that a user chose, never a value.
Leaves out: exporting spans; whoever configures an exporter on the tracer provider gets them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation, UpDownCounter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

_SCOPE: Final = "app_platform.runtime"


@dataclass(frozen=True)
class Instruments:
    """What every service measures of its events."""

    published: Counter
    handled: Counter
    duration: Histogram
    in_hand: UpDownCounter
    redelivered: Counter
    dead: Counter


def setup(service: str, replica: str) -> None:
    """Install the providers of this process; called once, by the composition root."""
    resource = Resource.create({"service.name": service, "service.instance.id": replica})
    trace.set_tracer_provider(TracerProvider(resource=resource))
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()]))


def tracer() -> trace.Tracer:
    """The tracer of this library."""
    return trace.get_tracer(_SCOPE)


@cache
def instruments() -> Instruments:
    """The instruments, made at first use so that importing does nothing."""
    meter = metrics.get_meter(_SCOPE)
    return Instruments(
        published=meter.create_counter("app_platform.events.published", "1", "Events stored in JetStream"),
        handled=meter.create_counter(
            "app_platform.events.handled", "1", "Events settled, by type and outcome"
        ),
        duration=meter.create_histogram(
            "app_platform.batch.duration", "s", "Time a handler took for a batch"
        ),
        in_hand=meter.create_up_down_counter(
            "app_platform.events.in_hand", "1", "Events received and not settled"
        ),
        redelivered=meter.create_counter(
            "app_platform.events.redelivered", "1", "Deliveries after the first"
        ),
        dead=meter.create_counter("app_platform.events.dead", "1", "Events given up"),
    )


def gauge(name: str, description: str, read: Callable[[], float]) -> None:
    """Let a service show a number of its own, read whenever metrics are asked for; once per name and process."""

    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(read())]

    metrics.get_meter(_SCOPE).create_observable_gauge(name, [observe], "1", description)


def trace_id() -> str:
    """The current trace id as 32 hex digits; empty outside a span."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else ""
