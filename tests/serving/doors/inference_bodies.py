"""Requests to `/v2`, and what a refusal there looks like."""

from __future__ import annotations

from typing import Any

import httpx

MODEL = "breast_cancer_classifier"
INFER = f"/v2/models/{MODEL}/infer"
MARKER = "8675309.4242"


def asked(**changes: Any) -> dict[str, Any]:
    """A request for one row of ones, in JSON."""
    tensor = {"name": "features", "shape": [1, 30], "datatype": "FP64", "data": [1.0] * 30}
    return {"inputs": [{**tensor, **changes}]}


def refusal(reply: httpx.Response, status: int) -> str:
    """The message of an error as the protocol words it, checked for its shape."""
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json().keys() == {"error"}
    message: str = reply.json()["error"]
    assert MARKER not in message
    return message
