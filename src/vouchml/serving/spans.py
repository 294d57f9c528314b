"""One OpenTelemetry span a request, and nothing in it that a caller sent but the request id.

The ASGI middleware of OpenTelemetry copies the address with its query, the headers and the text of exceptions into the
span. So it is shown a request that has none of these; the service gets the real one. The service's own answers carry
the request id in a header, from which it is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from vouchml import __version__
from vouchml.serving.data_plane import ScoredRows
from vouchml.serving.doors.base import Call
from vouchml.serving.following.served_model import Arm, ServedModel
from vouchml.serving.recording import Recording
from vouchml.serving.service import Service

ROUTE: Final = "http.route"
REQUEST_ID: Final = "vouch.request_id"
VERSION: Final = "vouch.model_version"

_SCOPE: Final = "vouch.scope"
_FAILURE: Final = "vouch.failure"
#: What a caller's own trace is continued by (W3C Trace Context).
_OF_THE_TRACE: Final = (b"traceparent", b"tracestate")
#: Matches no header; without one OpenTelemetry takes those that its environment variables name.
_NO_HEADER: Final = ["(?!)"]
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class TracedRecording(Recording):
    """Writes into the span of the request which version answers it."""

    def one(
        self,
        door: str,
        call: Call,
        served: ServedModel,
        arm: Arm,
        row: NDArray[np.float64],
        probability: float,
        outside: Sequence[str],
    ) -> str:
        """Record the answer to one row, shape (features,); the prediction's id."""
        _name_version(served)
        return super().one(door, call, served, arm, row, probability, outside)

    async def many(self, door: str, call: Call, scored: ScoredRows, rows: NDArray[np.float64]) -> str:
        """Record the answers to several rows, shape (rows, features); what the ids of their predictions begin with."""
        _name_version(scored.served)
        return await super().many(door, call, scored, rows)


class TracedService:
    """An ASGI app around the service. Spans leave in batches, in a thread, and the last when the service ends."""

    def __init__(self, service: Service, provider: TracerProvider) -> None:
        self._service = service
        self._provider = provider
        self._middleware = OpenTelemetryMiddleware(
            self._serve,
            tracer_provider=provider,
            meter_provider=NoOpMeterProvider(),
            http_capture_headers_server_request=_NO_HEADER,
            http_capture_headers_server_response=_NO_HEADER,
            exclude_spans=["receive", "send"],
        )

    @classmethod
    def exporting(cls, service: Service, *, name: str) -> TracedService:
        """Spans of the service called `name`, sent by OTLP over HTTP."""
        provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": __version__}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(service, provider)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request in a span, or take part in the start and the end of the process."""
        if scope["type"] != "http":
            await self._service(scope, receive, self._until_sent(send))
            return
        shown = {
            "type": "http",
            "method": scope["method"] if scope["method"] in _METHODS else "",
            "scheme": scope["scheme"],
            "http_version": scope["http_version"],
            "server": scope["server"],
            "headers": [header for header in scope["headers"] if header[0] in _OF_THE_TRACE],
            _SCOPE: scope,
        }
        await self._middleware(shown, receive, send)
        if (failure := shown.get(_FAILURE)) is not None:
            raise failure

    def _until_sent(self, send: Any) -> Any:
        """`send` for the start and the end of the process: it has not ended before the last spans are sent."""

        async def send_spans_first(message: Any) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await anyio.to_thread.run_sync(self._provider.shutdown)
            await send(message)

        return send_spans_first

    async def _serve(self, shown: Any, receive: Any, send: Any) -> None:
        scope, span = shown[_SCOPE], trace.get_current_span()

        async def send_and_note(message: Any) -> None:
            if message["type"] == "http.response.start" and span.is_recording():
                _note(span, scope, self._service.route_of(scope), message["headers"])
            await send(message)

        try:
            await self._service(scope, receive, send_and_note)
        except Exception as failure:  # noqa: BLE001 - its text may hold what a caller sent: it goes on outside of the span
            shown[_FAILURE] = failure
            span.set_status(trace.StatusCode.ERROR)


def _note(span: trace.Span, scope: Any, route: str | None, headers: Any) -> None:
    """Name the span by its route (the path itself may be anything), and put the request id into it."""
    if route is not None:
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute(ROUTE, route)
    for name, value in headers:
        if name == b"x-request-id":
            span.set_attribute(REQUEST_ID, value.decode("latin-1"))


def _name_version(served: ServedModel) -> None:
    trace.get_current_span().set_attribute(VERSION, served.version)
