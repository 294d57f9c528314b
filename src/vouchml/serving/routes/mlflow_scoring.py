"""`/ping`, `/version` and `/invocations`, the addresses of MLflow's scoring server."""

from __future__ import annotations

from importlib import metadata
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from vouchml.serving.doors.base import Door
from vouchml.serving.draining import Draining
from vouchml.serving.error_replies import as_response
from vouchml.serving.exchange import Exchange
from vouchml.serving.following.follower import Follower
from vouchml.serving.openapi import REQUEST_ID_HEADER
from vouchml.serving.protocol_schemas import MlflowError, MlflowPredictions

_TYPES: Final = ("application/json", "text/csv", "application/vnd.apache.parquet")
_PROVENANCE: Final = {
    **REQUEST_ID_HEADER,
    **{
        name: {"schema": {"type": "string"}, "description": about}
        for name, about in {
            "X-Vouch-Prediction-ID": "Unique to this answer.",
            "X-Vouch-Model-Name": "The registered model.",
            "X-Vouch-Model-Version": "Its version that answered.",
            "X-Vouch-Model-Stage": "The stage that is followed.",
            "X-Vouch-Model-Role": "`champion`, or `challenger` when a canary answered.",
            "X-Vouch-Model-Digest": "OpenSSF Model Signing root over the version's files.",
            "X-Vouch-Source-Run-ID": "The MLflow run that made the version.",
            "X-Vouch-Positive-Class": "The label that the second probability, or the first, belongs to.",
            "X-Vouch-Threshold": "The positive class is predicted from this probability on.",
            "X-Vouch-Out-Of-Range": "How many values are outside the range that their feature had in training.",
            "X-Vouch-Extra-Columns": "How many columns were passed over, where the settings allow it.",
        }.items()
    },
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": MlflowError, "description": why, "headers": REQUEST_ID_HEADER}
    for status, why in {
        400: "The body cannot be read, or does not fit the contract of the model.",
        408: "The body did not arrive in time.",
        413: "The body is too long.",
        415: "The body is not declared as JSON, CSV or Parquet.",
        500: "The service failed; its log says why.",
        503: "No model is loaded, or the service is busy.",
    }.items()
}


def mlflow_scoring_routes(door: Door, exchange: Exchange, follower: Follower, draining: Draining) -> APIRouter:
    """The routes that MLflow's own clients call."""
    routes = APIRouter(tags=["MLflow's scoring protocol"])

    @routes.get(
        "/ping",
        summary="Whether predictions are answered",
        response_class=Response,
        responses={404: {"description": "No model is loaded, or the worker is about to end."}},
    )
    async def ping() -> Response:
        """200 once a model is loaded, 404 before, as MLflow's scoring server says it."""
        ready = follower.served is not None and not draining.begun
        return Response("\n", status_code=200 if ready else 404, media_type="application/json")

    @routes.get(
        "/version",
        summary="The version of MLflow that the models are made for",
        response_class=PlainTextResponse,
    )
    async def version() -> Response:
        """The version as text."""
        return PlainTextResponse(_mlflow_version())

    @routes.post(
        "/invocations",
        summary="Score a table",
        response_model=MlflowPredictions,
        responses={200: {"description": "The probabilities.", "headers": _PROVENANCE}, **_REFUSALS},
        openapi_extra={"requestBody": {"required": True, "content": {kind: {} for kind in _TYPES}}},
    )
    async def invocations(request: Request) -> Response:
        """`dataframe_split`, `dataframe_records`, `instances` or `inputs` in JSON; CSV; Parquet."""
        return as_response(await exchange.run(door, request.scope["vouch_call"], request.receive))

    return routes


def _mlflow_version() -> str:
    for name in ("mlflow", "mlflow-skinny"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"
