"""Whether the service tells OpenTelemetry about its requests: `[serving] tracing`, with the extra `otel`.

What makes the spans is imported only where they are wanted; without them nothing stands between a request and its
answer.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from vouchml.errors import DependencyMissing
from vouchml.serving.recording import Recording
from vouchml.serving.service import Service
from vouchml.settings import ServingSettings, Settings

if TYPE_CHECKING:
    from vouchml.serving.spans import TracedService


def recording_of(serving: ServingSettings) -> type[Recording]:
    """What writes down the answers: with tracing also into the span which version answered.

    Raises:
        DependencyMissing: tracing is on, and the extra `otel` is not installed.
    """
    if not serving.tracing:
        return Recording
    kind: type[Recording] = _spans().TracedRecording
    return kind


def traced(service: Service, settings: Settings) -> Service | TracedService:
    """The service, which with tracing makes one span a request; they go where `OTEL_EXPORTER_OTLP_*` say.

    Raises:
        DependencyMissing: tracing is on, and the extra `otel` is not installed.
    """
    if not settings.serving.tracing:
        return service
    made: TracedService = _spans().TracedService.exporting(service, name=settings.project.name)
    return made


def _spans() -> ModuleType:
    try:
        from vouchml.serving import spans
    except ImportError as error:
        raise DependencyMissing(
            f"[serving] tracing needs {error.name}, which is not installed.",
            remedy="pip install 'vouchml[otel]', or set [serving] tracing = false.",
        ) from error
    return spans
