"""The limit that ours is compared with: the least that validates every name and number, scores and answers."""

from __future__ import annotations

from benchmarks.serving.contenders.base import UvicornProgram

RAW_ASGI = UvicornProgram(
    name="raw ASGI",
    kind="limit",
    what="raw ASGI, msgspec into a struct of the named floats, affine score",
    program="raw_asgi",
)
