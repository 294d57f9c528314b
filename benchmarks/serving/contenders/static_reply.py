"""A limit: the server alone. Nothing is read, checked or scored; the reply is constant bytes."""

from __future__ import annotations

from benchmarks.serving.contenders.base import UvicornProgram

STATIC_REPLY = UvicornProgram(
    name="static reply", kind="limit", what="raw ASGI that sends constant bytes", program="static_reply"
)
