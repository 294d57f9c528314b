"""The OpenAPI document: with a model loaded it names the features and shows a row that can be sent as it is."""

from __future__ import annotations

import copy
from typing import Any, Final

from fastapi import FastAPI

from vouchml.serving.follower import Follower
from vouchml.serving.schemas import PredictBody
from vouchml.serving.served_model import ServedModel, example_row

JSON: Final = "application/json"


def _predict_body() -> dict[str, Any]:
    schema = PredictBody.model_json_schema()
    schema["properties"]["request_id"].pop("default")
    example = {"features": {"feature name": 1.0}}
    return {"required": True, "content": {JSON: {"schema": schema, "example": example}}}


PREDICT_BODY: Final = _predict_body()
PREDICT_HEADERS: Final = {
    "X-Request-ID": {"schema": {"type": "string"}, "description": "The request_id of the answer."}
}


def install_openapi(app: FastAPI, follower: Follower) -> None:
    """Let `/openapi.json` follow the model that serves."""
    without_model = app.openapi

    def openapi() -> dict[str, Any]:
        served = follower.served
        return without_model() if served is None else _with_features(without_model(), served)

    app.openapi = openapi  # type: ignore[method-assign]


def _with_features(document: dict[str, Any], served: ServedModel) -> dict[str, Any]:
    document = copy.deepcopy(document)
    contract = served.contract
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"][JSON]
    body["schema"]["properties"]["features"] = {
        "type": "object",
        "description": f"The features of version {served.version} of {served.name}.",
        "properties": {
            feature.name: {
                "type": "number",
                "format": "double",
                "description": f"In training from {feature.minimum!r} to {feature.maximum!r}.",
            }
            for feature in contract.features
        },
        "required": list(contract.feature_names),
        "additionalProperties": False,
    }
    row = dict(zip(contract.feature_names, example_row(contract), strict=True))
    body["example"] = {**body["example"], "features": row}
    return document
