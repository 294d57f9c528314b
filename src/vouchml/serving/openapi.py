"""The OpenAPI document: with a model loaded it names the features and shows a row that can be sent as it is."""

from __future__ import annotations

import copy
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from vouchml.serving.following.follower import Follower
from vouchml.serving.following.served_model import ServedModel, example_row
from vouchml.serving.schemas import BatchBody, PredictBody

JSON: Final = "application/json"


def _body(model: type[BaseModel], example: Any) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema["properties"]["request_id"].pop("default")
    return {"required": True, "content": {JSON: {"schema": schema, "example": example}}}


_EXAMPLE: Final = {"feature name": 1.0}
PREDICT_BODY: Final = _body(PredictBody, {"features": _EXAMPLE})
BATCH_BODY: Final = _body(BatchBody, {"rows": [_EXAMPLE]})
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
    features = {
        "type": "object",
        "description": f"The features of version {served.version} of {served.name}.",
        "properties": {
            feature.name: {
                "type": "number",
                "format": "double",
                "description": f"In training from {feature.minimum!r} to {feature.maximum!r}.",
            }
            for feature in served.contract.features
        },
        "required": list(served.contract.feature_names),
        "additionalProperties": False,
    }
    row = dict(zip(served.contract.feature_names, example_row(served.contract), strict=True))
    one, many = (
        document["paths"][path]["post"]["requestBody"]["content"][JSON] for path in ("/predict", "/predict/batch")
    )
    one["schema"]["properties"]["features"] = features
    one["example"] = {"features": row}
    many["schema"]["properties"]["rows"]["items"] = features
    many["example"] = {"rows": [row, row]}
    return document
