"""Spans to wherever OpenTelemetry's standard variables say, by OTLP over HTTP.

Guarantees: nothing is sent unless ``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` names a receiver; one that
is away or slow holds nothing up: spans wait in a bounded queue and are dropped when it is full. ``OTEL_TRACES_EXPORTER=none`` turns it
off; the other variables are the SDK's (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
Leaves out: gRPC, and metrics, which are scraped.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

_RECEIVERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_EXPORTER: Final = "OTEL_TRACES_EXPORTER"


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether the variables name a receiver of spans."""
    named = any(environment.get(name) for name in _RECEIVERS)
    return named and (environment.get(_EXPORTER) or "otlp") == "otlp"


def span_processors(environment: Mapping[str, str]) -> list[SpanProcessor]:
    """What takes spans to the receiver; nothing when there is none."""
    return [_otlp()] if is_asked_for(environment) else []


def _otlp() -> SpanProcessor:
    # Imported here: 5 MB and a quarter of a second that most processes need not spend.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return BatchSpanProcessor(OTLPSpanExporter())
