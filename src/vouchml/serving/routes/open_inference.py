"""The addresses of the Open Inference Protocol v2; `infer` of the model itself is answered on the hot path too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from vouchml import __version__
from vouchml.serving.doors.base import Door
from vouchml.serving.doors.open_inference import check_address
from vouchml.serving.doors.open_inference_request import MATRIX, output_types
from vouchml.serving.draining import Draining
from vouchml.serving.error_replies import as_response
from vouchml.serving.exchange import Exchange
from vouchml.serving.following.follower import Follower
from vouchml.serving.following.served_model import ServedModel

_NOT_READY: Final = {"ready": False}


def open_inference_routes(
    door_at: Callable[[str, str | None], Door], exchange: Exchange, follower: Follower, draining: Draining
) -> APIRouter:
    """The routes of the protocol; `door_at` makes the door of a model and a version, None for the one that serves."""
    routes = APIRouter(prefix="/v2", tags=["open inference protocol"])

    @routes.get("", summary="What this server is")
    async def server() -> dict[str, Any]:
        """Name, version and extensions."""
        return {"name": "vouchml", "version": __version__, "extensions": ["binary_tensor_data"]}

    @routes.get("/health/live", summary="Whether the process answers")
    async def live() -> dict[str, bool]:
        """200 as long as the process answers."""
        return {"live": True}

    @routes.get("/health/ready", summary="Whether predictions are answered", responses={503: {}})
    async def ready(response: Response) -> dict[str, bool]:
        """200 once a model is loaded; 503 before, and when the worker is about to end."""
        if follower.served is None or draining.begun:
            response.status_code = 503
            return _NOT_READY
        return {"ready": True}

    @routes.get("/models/{model}", summary="What the model takes and gives", responses={404: {}, 503: {}})
    @routes.get("/models/{model}/versions/{version}", summary="The same of one version", responses={404: {}, 503: {}})
    async def metadata(model: str, version: str | None = None) -> dict[str, Any]:
        """The tensors of the model, and the order of its features."""
        served = _served(follower, model, version)
        return _metadata(served)

    @routes.get("/models/{model}/ready", summary="Whether the model answers", responses={404: {}, 503: {}})
    @routes.get("/models/{model}/versions/{version}/ready", summary="The same of one version", responses={404: {}})
    async def model_ready(model: str, version: str | None = None) -> dict[str, Any]:
        """200 when it does."""
        served = _served(follower, model, version)
        return {"name": served.name, "ready": True}

    @routes.post("/models/{model}/infer", summary="Score tensors", responses={404: {}, 422: {}, 503: {}})
    @routes.post("/models/{model}/versions/{version}/infer", summary="Score with one version", responses={404: {}})
    async def infer(request: Request, model: str, version: str | None = None) -> Response:
        """JSON or binary tensors: `features` as a matrix, or one tensor a feature."""
        return as_response(await exchange.run(door_at(model, version), request.scope["vouch_call"], request.receive))

    return routes


def _served(follower: Follower, model: str, version: str | None) -> ServedModel:
    served = follower.serving_model()
    check_address(served, model, version)
    return served


def _metadata(served: ServedModel) -> dict[str, Any]:
    contract = served.contract
    return {
        "name": served.name,
        "versions": [served.version],
        "platform": "vouchml",
        "inputs": [
            {
                "name": MATRIX,
                "datatype": "FP64",
                "shape": [-1, len(contract.features)],
                "parameters": {"columns": list(contract.feature_names)},
            }
        ],
        "outputs": [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in output_types(contract)],
    }
