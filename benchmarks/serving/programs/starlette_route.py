"""The raw limit's decoder and score, behind Starlette's router, request and response."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.serving.programs.affine import Answer, body_type, fold
from benchmarks.serving.programs.exported_model import read_exported_model

_model = read_exported_model()
_probability = fold(_model).probability
_decode: Any = msgspec.json.Decoder(body_type(_model)).decode
_encode = msgspec.json.Encoder().encode


async def predict(request: Request) -> Response:
    """Score one row."""
    try:
        features = _decode(await request.body()).features
    except msgspec.DecodeError as error:
        return Response(b"{}", status_code=422 if isinstance(error, msgspec.ValidationError) else 400)
    probability = _probability(msgspec.structs.astuple(features))
    label = _model.positive_label if probability >= _model.threshold else _model.negative_label
    return Response(_encode(Answer(probability, label)), media_type="application/json")


app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
