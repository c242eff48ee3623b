"""Spans to wherever OpenTelemetry's standard variables say, by OTLP over HTTP.

Guarantees: nothing is sent unless ``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` names a receiver; one that
is away or slow holds nothing up: spans wait in a bounded queue and are dropped when it is full. ``OTEL_TRACES_EXPORTER=none`` turns it
off, and a value that asks for something else than what is done here is refused; the other variables are the SDK's
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
Leaves out: gRPC, and metrics, which are scraped.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from app_platform.runtime.settings import SettingsError

_RECEIVERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
"""The first that is set holds."""
_EXPORTER: Final = "OTEL_TRACES_EXPORTER"


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether the variables name a receiver of spans.

    Raises:
        SettingsError: They ask for another exporter or protocol.
    """
    chosen = _one_of(environment, (_EXPORTER,), ("otlp", "none"))
    if chosen == "none" or not any(environment.get(name) for name in _RECEIVERS):
        return False
    _one_of(environment, _PROTOCOLS, ("http/protobuf",))
    return True


def _one_of(environment: Mapping[str, str], names: Sequence[str], supported: Sequence[str]) -> str:
    """The value of the first of these variables that is set; the first that is supported when none is."""
    name, value = next(
        ((each, environment[each]) for each in names if environment.get(each)), ("", supported[0])
    )
    if value not in supported:
        wanted = " or ".join(supported)
        raise SettingsError(f"set these environment variables right: {name}: leave it out, or set {wanted}")
    return value


def span_processors(environment: Mapping[str, str]) -> list[SpanProcessor]:
    """What takes spans to the receiver; nothing when there is none; raises as ``is_asked_for``."""
    return [_otlp()] if is_asked_for(environment) else []


def _otlp() -> SpanProcessor:
    # Imported here: 5 MB and a quarter of a second that most processes need not spend.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return BatchSpanProcessor(OTLPSpanExporter())
