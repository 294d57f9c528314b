"""A limit: what Starlette's router, request and response add to the raw limit."""

from __future__ import annotations

from benchmarks.serving.contenders.base import UvicornProgram

STARLETTE_ROUTE = UvicornProgram(
    name="Starlette route",
    kind="limit",
    what="the same decoder and score behind a Starlette route",
    program="starlette_route",
)
