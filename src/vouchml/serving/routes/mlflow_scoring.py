"""`/ping`, `/version` and `/invocations`, the addresses of MLflow's scoring server."""

from __future__ import annotations

from importlib import metadata

from fastapi import APIRouter, Request, Response

from vouchml.serving.doors.base import Door
from vouchml.serving.draining import Draining
from vouchml.serving.error_replies import as_response
from vouchml.serving.exchange import Exchange
from vouchml.serving.following.follower import Follower


def mlflow_scoring_routes(door: Door, exchange: Exchange, follower: Follower, draining: Draining) -> APIRouter:
    """The routes that MLflow's own clients call."""
    routes = APIRouter(tags=["MLflow's scoring protocol"])

    @routes.get("/ping", summary="Whether predictions are answered", response_class=Response, responses={404: {}})
    async def ping() -> Response:
        """200 once a model is loaded, 404 before, as MLflow's scoring server says it."""
        ready = follower.served is not None and not draining.begun
        return Response("\n", status_code=200 if ready else 404, media_type="application/json")

    @routes.get("/version", summary="The version of MLflow that the models are made for", response_class=Response)
    async def version() -> Response:
        """The version as text."""
        return Response(_mlflow_version(), media_type="text/plain")

    @routes.post(
        "/invocations",
        summary="Score a table",
        responses={status: {} for status in (400, 408, 413, 415, 503)},
        openapi_extra={"requestBody": {"required": True, "content": {kind: {} for kind in _TYPES}}},
    )
    async def invocations(request: Request) -> Response:
        """`dataframe_split`, `dataframe_records`, `instances` or `inputs` in JSON; CSV; Parquet."""
        return as_response(await exchange.run(door, request.scope["vouch_call"], request.receive))

    return routes


_TYPES = ("application/json", "text/csv", "application/vnd.apache.parquet")


def _mlflow_version() -> str:
    for name in ("mlflow", "mlflow-skinny"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"
