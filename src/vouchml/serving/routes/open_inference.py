"""The addresses of the Open Inference Protocol v2; `infer` of the model itself is answered on the hot path too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from vouchml import __version__
from vouchml.serving.doors.base import Door
from vouchml.serving.doors.open_inference import check_address
from vouchml.serving.doors.open_inference_request import MATRIX, input_type, output_types
from vouchml.serving.draining import Draining
from vouchml.serving.error_replies import as_response
from vouchml.serving.exchange import Exchange
from vouchml.serving.following.follower import Follower
from vouchml.serving.following.served_model import ServedModel
from vouchml.serving.openapi import REQUEST_ID_HEADER
from vouchml.serving.protocol_schemas import (
    InferenceError,
    InferenceResponse,
    MatrixMetadata,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
    TensorMetadata,
)

_ADDRESS: Final = "/models/{model}"
_VERSION: Final = f"{_ADDRESS}/versions/{{version}}"


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    why = {
        400: "The request is not as the protocol has it, or does not fit the contract of the model.",
        404: "There is no such model, or the version does not serve.",
        408: "The body did not arrive in time.",
        413: "The body is too long.",
        415: "The body is declared as another type.",
        500: "The service failed; its log says why.",
        503: "No model is loaded, or the service is busy.",
    }
    return {status: {"model": InferenceError, "description": why[status]} for status in (*statuses, 500)}


_INFER: Final[dict[str, Any]] = {
    "response_model": InferenceResponse,
    "responses": {
        **_refusals(400, 404, 408, 413, 415, 503),
        200: {
            "description": "The outputs.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            "headers": {
                **REQUEST_ID_HEADER,
                "Inference-Header-Content-Length": {
                    "schema": {"type": "integer"},
                    "description": "The length of the JSON, when outputs follow it in binary.",
                },
            },
        },
    },
    "openapi_extra": {"requestBody": {"required": True, "content": {"application/json": {}}}},
}


def open_inference_routes(
    door_at: Callable[[str, str | None], Door], exchange: Exchange, follower: Follower, draining: Draining
) -> APIRouter:
    """The routes of the protocol; `door_at` makes the door of a model and a version, None for the one that serves."""
    routes = APIRouter(prefix="/v2", tags=["open inference protocol"])

    @routes.get("", summary="What this server is", responses=_refusals())
    async def server() -> ServerMetadata:
        """Name, version and extensions."""
        return ServerMetadata(name="vouchml", version=__version__, extensions=["binary_tensor_data"])

    @routes.get("/health/live", summary="Whether the process answers", responses=_refusals())
    async def live() -> ServerLive:
        """200 as long as the process answers."""
        return ServerLive(live=True)

    @routes.get(
        "/health/ready",
        summary="Whether predictions are answered",
        responses={**_refusals(), 503: {"model": ServerReady | InferenceError, "description": "Not now."}},
    )
    async def ready(response: Response) -> ServerReady:
        """200 once a model is loaded; 503 before, and when the worker is about to end."""
        is_ready = follower.served is not None and not draining.begun
        response.status_code = 200 if is_ready else 503
        return ServerReady(ready=is_ready)

    @routes.get(_ADDRESS, summary="What the model takes and gives", responses=_refusals(404, 503))
    @routes.get(_VERSION, summary="What the version takes and gives", responses=_refusals(404, 503))
    async def metadata(model: str, version: str | None = None) -> ModelMetadata:
        """The tensors of the model, and the order of its features."""
        return _metadata(_served(follower, model, version))

    @routes.get(f"{_ADDRESS}/ready", summary="Whether the model answers", responses=_refusals(404, 503))
    @routes.get(f"{_VERSION}/ready", summary="Whether the version answers", responses=_refusals(404, 503))
    async def model_ready(model: str, version: str | None = None) -> ModelReady:
        """200 when it does."""
        return ModelReady(name=_served(follower, model, version).name, ready=True)

    @routes.post(f"{_ADDRESS}/infer", summary="Score tensors", **_INFER)
    @routes.post(f"{_VERSION}/infer", summary="Score tensors with one version", **_INFER)
    async def infer(request: Request, model: str, version: str | None = None) -> Response:
        """`features` as a matrix, or one tensor a feature, in JSON or behind it in binary.

        With binary tensors the header `Inference-Header-Content-Length` gives the length of the JSON, and the type
        is `application/octet-stream`.
        """
        return as_response(await exchange.run(door_at(model, version), request.scope["vouch_call"], request.receive))

    return routes


def _served(follower: Follower, model: str, version: str | None) -> ServedModel:
    served = follower.serving_model()
    check_address(served, model, version)
    return served


def _metadata(served: ServedModel) -> ModelMetadata:
    contract, names = served.contract, list(served.contract.feature_names)
    matrix = MatrixMetadata(name=MATRIX, datatype="FP64", shape=[-1, len(names)], parameters={"columns": names})
    columns = [TensorMetadata(name=each.name, datatype=input_type(each), shape=[-1]) for each in contract.features]
    return ModelMetadata(
        name=served.name,
        versions=[served.version],
        platform="vouchml",
        inputs=columns if contract.has_categories else [matrix],
        outputs=[TensorMetadata(name=name, datatype=kind, shape=[-1]) for name, kind in output_types(contract)],
    )
