"""A receiver of OTLP over HTTP, as an OpenTelemetry collector is one, which keeps the spans that it is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent


@dataclass(frozen=True)
class Span:
    """A span; ids are in hex.

    Attributes:
        parent: Empty of one that begins a trace.
        links: Ids of the spans that it links to.
    """

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: frozenset[str]


class Receiver:
    """What was sent so far."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    @property
    def spans(self) -> list[Span]:
        """All spans."""
        return [span for body in list(self.bodies) for span in _spans(body)]

    def trace(self, trace: str) -> list[Span]:
        """The spans of a trace."""
        return [span for span in self.spans if span.trace == trace]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def _spans(body: bytes) -> Iterator[Span]:
    for each in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = next(a.value.string_value for a in each.resource.attributes if a.key == "service.name")
        for scope in each.scope_spans:
            yield from (_span(service, span) for span in scope.spans)


def _span(service: str, sent: Sent) -> Span:
    links = frozenset(link.span_id.hex() for link in sent.links)
    ids = (sent.trace_id.hex(), sent.span_id.hex(), sent.parent_span_id.hex())
    return Span(service, sent.name, *ids, links)
