"""Every line is one JSON object that says where it belongs, and nothing that could hold a secret is written."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from app_platform.runtime import logs
from support.samples import CANARY


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    logging.getLogger("app_platform").setLevel(logging.NOTSET)
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line_says_who_when_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("watcher", "watcher-0", "INFO")
    logging.getLogger("app_platform.watcher").info("replicas: %s", "one")
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("replicas: one", "info")
    assert (line["service"], line["replica"]) == ("watcher", "watcher-0")
    assert line["timestamp"].endswith("Z")


def test_a_line_belongs_to_an_app_and_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("watcher", "0", "INFO")
    with (
        structlog.contextvars.bound_contextvars(app="my-app", event_id="secret.encrypted.v1/my-app/x"),
        TracerProvider().get_tracer("test").start_as_current_span("handle") as span,
    ):
        logging.getLogger("app_platform.x").warning("inside")
    logging.getLogger("app_platform.x").warning("outside")
    inside, outside = lines(capsys)
    assert (inside["app"], inside["event_id"]) == ("my-app", "secret.encrypted.v1/my-app/x")
    assert inside["trace_id"] == format(span.get_span_context().trace_id, "032x")
    assert not {"app", "event_id", "trace_id"} & outside.keys()


@pytest.mark.parametrize(
    "name", ["kubernetes_asyncio.client.rest", "aiohttp.client", "nats.aio.client", "asyncio"]
)
def test_libraries_that_log_bodies_and_headers_are_quiet(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.setup("watcher", "0", "DEBUG")
    logging.getLogger(name).debug("response body: %s", CANARY)
    logging.getLogger("app_platform.watcher").debug("our own")
    assert [line["event"] for line in lines(capsys)] == ["our own"]


def fail_with(password: str) -> None:
    raise ValueError(len(password))


def test_a_traceback_is_one_line_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("watcher", "0", "INFO")
    try:
        fail_with(password=CANARY)
    except ValueError:
        logging.getLogger("app_platform.x").exception("failed")
    (line,) = lines(capsys)
    assert "fail_with" in line["exception"]
    assert CANARY not in json.dumps(line)


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("watcher", "0", "WARNING")
    logging.getLogger("app_platform.x").info("no")
    logging.getLogger("app_platform.x").warning("yes")
    assert [line["event"] for line in lines(capsys)] == ["yes"]
