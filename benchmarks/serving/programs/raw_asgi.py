"""The raw limit: route, read, validate, score and answer, with nothing between the server and the work."""

from __future__ import annotations

from typing import Any

import msgspec

from benchmarks.serving.programs.affine import Answer, body_type, fold
from benchmarks.serving.programs.asgi import Receive, Scope, Send, answer_lifespan
from benchmarks.serving.programs.exported_model import read_exported_model

_model = read_exported_model()
_probability = fold(_model).probability
_decode: Any = msgspec.json.Decoder(body_type(_model)).decode
_encode = msgspec.json.Encoder().encode
_as_tuple = msgspec.structs.astuple
_threshold, _positive, _negative = _model.threshold, _model.positive_label, _model.negative_label
_JSON = (b"content-type", b"application/json")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """`POST /predict`; anything else is 404."""
    if scope["type"] == "lifespan":
        await answer_lifespan(receive, send)
        return
    if scope["path"] != "/predict" or scope["method"] != "POST":
        await _reply(send, 404, b"{}")
        return
    message = await receive()
    body = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    try:
        features = _decode(body).features
    except msgspec.DecodeError as error:
        await _reply(send, 422 if isinstance(error, msgspec.ValidationError) else 400, b"{}")
        return
    probability = _probability(_as_tuple(features))
    await _reply(send, 200, _encode(Answer(probability, _positive if probability >= _threshold else _negative)))


async def _reply(send: Send, status: int, body: bytes) -> None:
    headers = [_JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
