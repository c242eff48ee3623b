"""Metrics by OpenTelemetry, on ``/metrics`` in Prometheus format, and the providers of a process.

Guarantees: attributes are event types, services and outcomes only: never a name that a user chose, never a value.
Leaves out: spans (``tracing``), and where they go (``exporting``).
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation, UpDownCounter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from app_platform.runtime.exporting import span_processors

_SCOPE: Final = "app_platform.runtime"
_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
"""From a handler that has nothing to do to an event that waited out all its retries."""
_FILES: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)


@dataclass(frozen=True)
class Instruments:
    """What every service measures of its events."""

    published: Counter
    handled: Counter
    duration: Histogram
    in_hand: UpDownCounter
    redelivered: Counter
    dead: Counter
    age: Histogram
    errors: Counter


def setup(service: str, replica: str) -> None:
    """Install the providers of this process; called once, by the composition root.

    Raises:
        SettingsError: OpenTelemetry's variables ask for what is not supported; see ``exporting``.
    """
    present = version("app-platform-runtime")
    resource = Resource.create(
        {
            "service.name": service,
            "service.namespace": "app-platform",
            "service.instance.id": replica,
            "service.version": present,
        }
    )
    provider = TracerProvider(resource=resource)
    for processor in span_processors(os.environ):
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()]))
    # ``target_info`` would say the same, but not of a process that has nothing else to tell, as the dashboard.
    who = Reading(1, {"service": service, "version": present})
    gauges("app_platform.service.info", "Always 1: which service this is, in which version", lambda: [who])


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
            "app_platform.batch.duration",
            "s",
            "Time a handler took for a batch",
            explicit_bucket_boundaries_advisory=_SECONDS,
        ),
        in_hand=meter.create_up_down_counter(
            "app_platform.events.in_hand", "1", "Events received and not settled"
        ),
        redelivered=meter.create_counter(
            "app_platform.events.redelivered", "1", "Deliveries after the first"
        ),
        dead=meter.create_counter("app_platform.events.dead", "1", "Events given up"),
        age=meter.create_histogram(
            "app_platform.event.age",
            "s",
            "Time from telling an event until it was done with",
            explicit_bucket_boundaries_advisory=_SECONDS,
        ),
        errors=meter.create_counter(
            "app_platform.handler.errors", "1", "Batches that were not done, by the reason's kind"
        ),
    )


@dataclass(frozen=True)
class Reading:
    """A number and what it is of.

    Attributes:
        labels: Few values each: never a name that a user chose.
    """

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def gauge(name: str, description: str, read: Callable[[], float]) -> None:
    """Let a service show a number of its own, read whenever metrics are asked for; once per name and process."""
    gauges(name, description, lambda: [Reading(read())])


def gauges(name: str, description: str, read: Callable[[], Iterable[Reading]], unit: str = "1") -> None:
    """The same for several numbers that differ in their labels; none is shown while ``read`` returns none."""

    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(reading.value, dict(reading.labels)) for reading in read()]

    metrics.get_meter(_SCOPE).create_observable_gauge(name, [observe], unit, description)


@cache
def commits() -> tuple[Counter, Histogram]:
    """Commits made, and files in each; for who makes them."""
    meter = metrics.get_meter(_SCOPE)
    files = meter.create_histogram(
        "app_platform.commit.files", "1", "Files in a commit", explicit_bucket_boundaries_advisory=_FILES
    )
    return meter.create_counter("app_platform.commits", "1", "Commits made"), files
