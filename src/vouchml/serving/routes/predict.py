"""`POST /predict` and `POST /predict/batch`, as FastAPI documents them; the doors answer."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from vouchml.serving.doors.base import Door
from vouchml.serving.error_replies import as_response
from vouchml.serving.exchange import Exchange
from vouchml.serving.openapi import BATCH_BODY, PREDICT_BODY, REQUEST_ID_HEADER
from vouchml.serving.schemas import BatchPrediction, ErrorReply, Prediction

_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorReply, "description": why, "headers": REQUEST_ID_HEADER}
    for status, why in {
        400: "The body is not JSON, or names a key twice.",
        408: "The body did not arrive in time.",
        413: "The body is too long.",
        415: "The body is not declared as JSON.",
        422: "The body does not fit the contract of the model.",
        503: "No model is loaded, or the service is busy.",
    }.items()
}


def predict_routes(one: Door, many: Door, exchange: Exchange) -> APIRouter:
    """The routes that score one row and many."""
    routes = APIRouter(tags=["predict"])

    @routes.post(
        "/predict",
        summary="Score one row",
        response_model=Prediction,
        responses={
            200: {"description": "The answer.", "headers": REQUEST_ID_HEADER},
            **_REFUSALS,
            409: {
                "model": ErrorReply,
                "description": "The model that serves, or its answer to this row, cannot be explained.",
                "headers": REQUEST_ID_HEADER,
            },
        },
        openapi_extra={"requestBody": PREDICT_BODY},
    )
    async def predict(request: Request) -> Response:
        """Exactly the features that `/model-info` names, each a value that it may have; anything else is refused."""
        return as_response(await exchange.run(one, request.scope["vouch_call"], request.receive))

    @routes.post(
        "/predict/batch",
        summary="Score many rows",
        response_model=BatchPrediction,
        responses={200: {"description": "The answers, in order.", "headers": REQUEST_ID_HEADER}, **_REFUSALS},
        openapi_extra={"requestBody": BATCH_BODY},
    )
    async def predict_batch(request: Request) -> Response:
        """Each row as `/predict` takes it. One row that does not fit refuses them all; it is named by its place."""
        return as_response(await exchange.run(many, request.scope["vouch_call"], request.receive))

    return routes
