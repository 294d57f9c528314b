"""A limit: the fastest that FastAPI is with pydantic models for body and answer, scoring without scikit-learn."""

from __future__ import annotations

from benchmarks.serving.contenders.base import UvicornProgram

FASTAPI_PYDANTIC = UvicornProgram(
    name="FastAPI + pydantic",
    kind="limit",
    what="FastAPI, strict pydantic models in and out, affine score",
    program="fastapi_pydantic",
)
