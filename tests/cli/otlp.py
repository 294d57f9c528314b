"""A receiver of OpenTelemetry traces: OTLP over HTTP, as a collector has it, that keeps what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass
class Received:
    """The bodies that came, and the address that they come to."""

    url: str
    bodies: list[bytes] = field(default_factory=list)

    @property
    def resources(self) -> list[dict[str, Any]]:
        """What each body says about the service."""
        return [_values(group.resource.attributes) for body in self.bodies for group in _parsed(body).resource_spans]

    @property
    def spans(self) -> list[tuple[Any, dict[str, Any]]]:
        """Every span with its attributes, in the order of their ends."""
        found = [
            span
            for body in self.bodies
            for group in _parsed(body).resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]
        return [
            (span, _values(span.attributes)) for span in sorted(found, key=lambda span: int(span.end_time_unix_nano))
        ]


@contextmanager
def receiver() -> Iterator[Received]:
    """Listen on a free port of this machine."""
    received = Received("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/traces"
            received.bodies.append(body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _parsed(body: bytes) -> Any:
    return ExportTraceServiceRequest.FromString(body)


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
