"""Constant bytes for every request: what the server alone can do."""

from __future__ import annotations

import msgspec

from benchmarks.serving.programs.affine import Answer
from benchmarks.serving.programs.asgi import Receive, Scope, Send, answer_lifespan
from benchmarks.serving.programs.exported_model import read_exported_model

_model = read_exported_model()
_label = _model.positive_label if _model.probability >= _model.threshold else _model.negative_label
_body = msgspec.json.encode(Answer(_model.probability, _label))
_start = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(_body)).encode())],
}
_end = {"type": "http.response.body", "body": _body}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without looking."""
    if scope["type"] == "lifespan":
        await answer_lifespan(receive, send)
        return
    await send(_start)
    await send(_end)
