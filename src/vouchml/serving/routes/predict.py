"""`POST /predict`: one row in, one traceable answer out."""

from __future__ import annotations

from uuid import uuid4

import anyio.to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from vouchml.errors import VouchError
from vouchml.model import PredictionRequest, decode_request
from vouchml.serving.body import check_json_type, read_body
from vouchml.serving.error_replies import error_reply
from vouchml.serving.follower import Follower
from vouchml.serving.logs import PREDICTIONS, log_event
from vouchml.serving.openapi import PREDICT_BODY, PREDICT_HEADERS
from vouchml.serving.schemas import ErrorReply, Prediction
from vouchml.serving.served_model import ServedModel
from vouchml.settings import ServingSettings

REQUEST_ID_HEADER = "X-Request-ID"

_REFUSALS = {
    400: "The body is not JSON, or names a key twice.",
    413: "The body is too long.",
    415: "The body is not declared as JSON.",
    422: "The body does not fit the contract of the model.",
    503: "No model is loaded.",
}


def predict_routes(follower: Follower, settings: ServingSettings) -> APIRouter:
    """The route that scores one row."""
    routes = APIRouter(tags=["predict"])

    @routes.post(
        "/predict",
        summary="Score one row",
        response_model=Prediction,
        responses={
            200: {"description": "The answer.", "headers": PREDICT_HEADERS},
            **{status: {"model": ErrorReply, "description": why} for status, why in _REFUSALS.items()},
        },
        openapi_extra={"requestBody": PREDICT_BODY},
    )
    async def predict(request: Request) -> JSONResponse:
        """Exactly the features that `/model-info` names, each a finite number; anything else is refused."""
        # One that no answer carries still names the refusal in the log and in its header.
        request_id = uuid4().hex
        try:
            check_json_type(request)
            body = await read_body(request, limit=settings.max_body_bytes)
            served = follower.serving_model()
            decoded = decode_request(body, served.contract)
        except VouchError as error:
            log_event(PREDICTIONS, "refusal", request_id=request_id, status=error.http_status, code=error.code)
            retry = {"Retry-After": follower.retry_after} if error.http_status == 503 else {}
            return error_reply(error, headers={REQUEST_ID_HEADER: request_id, **retry})
        request_id = decoded.request_id or request_id
        answer = _answer(served, await _score(served, decoded), request_id)
        log_event(
            PREDICTIONS,
            "prediction",
            request_id=request_id,
            prediction_id=answer["prediction_id"],
            model_name=served.name,
            model_version=served.version,
            source_run_id=served.run_id,
        )
        return JSONResponse(answer, headers={REQUEST_ID_HEADER: request_id})

    return routes


async def _score(served: ServedModel, request: PredictionRequest) -> float:
    if served.scores_in_microseconds:
        return served.probability(request.row)
    return await anyio.to_thread.run_sync(served.probability, request.row)


def _answer(served: ServedModel, probability: float, request_id: str) -> dict[str, object]:
    contract = served.contract
    decided = contract.decide(probability)
    return {
        "positive_class": contract.positive_class,
        "probability_positive_class": probability,
        "prediction": decided.value,
        "prediction_label": decided.label,
        "request_id": request_id,
        "prediction_id": uuid4().hex,
        "model_name": served.name,
        "model_stage": served.stage,
        "model_version": served.version,
        "source_run_id": served.run_id,
        "threshold": contract.threshold,
    }
