"""`GET /metrics`: what all workers of this service have counted, for Prometheus."""

from __future__ import annotations

import anyio.to_thread
from fastapi import APIRouter, Response

from vouchml.serving.metrics import CONTENT_TYPE, WorkerMetrics


def metrics_routes(metrics: WorkerMetrics) -> APIRouter:
    """The route that Prometheus scrapes."""
    routes = APIRouter(tags=["operations"])

    @routes.get(
        "/metrics",
        summary="Counts and latencies for Prometheus",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format."}
        },
    )
    async def show() -> Response:
        """The sums over all workers of this service on this host."""
        text = await anyio.to_thread.run_sync(metrics.render)
        return Response(text, media_type=CONTENT_TYPE)

    return routes
