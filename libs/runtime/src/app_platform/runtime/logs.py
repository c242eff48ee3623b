"""JSON logs, one object a line, with the event, app and trace that a line belongs to.

Guarantees: lines of the standard library's loggers look the same as structlog's. The chosen level is that of our own
loggers: all others stay at WARNING, because some log whole bodies at DEBUG, and a body may hold a secret value.
Leaves out: files and rotation; a service writes to standard error.
"""

import logging
from typing import Final

import structlog

from app_platform.runtime import tracing

_OURS: Final = "app_platform"


def _add_trace(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    trace = tracing.trace_id()
    if trace:
        event["trace_id"] = trace
    return event


def setup(service: str, replica: str, level: str) -> None:
    """Send all logging of this process through one JSON renderer.

    Args:
        service: Put on every line.
        replica: Put on every line.
        level: Name of a standard level.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Tracebacks without local variables: those may hold values.
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(_OURS).setLevel(level)
    structlog.contextvars.bind_contextvars(service=service, replica=replica)
