"""When spans are sent."""

import re

import pytest

from app_platform.runtime import SettingsError
from app_platform.runtime.exporting import is_asked_for

URL = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{URL}/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_TRACES_EXPORTER": ""}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_EXPORTER_OTLP_PROTOCOL": ""}, True),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": URL,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            True,
        ),
    ],
)
def test_spans_are_sent_when_a_receiver_is_named(environment: dict[str, str], asked: bool) -> None:  # noqa: FBT001 - a row of a table
    assert is_asked_for(environment) is asked


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: leave it out, or set http/protobuf",
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: leave it out, or set http/protobuf",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "console"},
            "OTEL_TRACES_EXPORTER: leave it out, or set otlp or none",
        ),
    ],
)
def test_what_would_be_done_otherwise_than_asked_is_refused(environment: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(told)):
        is_asked_for({"OTEL_EXPORTER_OTLP_ENDPOINT": URL, **environment})


def test_an_exporter_that_nobody_could_take_for_off_is_refused_without_a_receiver_too() -> None:
    with pytest.raises(SettingsError, match="OTEL_TRACES_EXPORTER: leave it out"):
        is_asked_for({"OTEL_TRACES_EXPORTER": "console"})
