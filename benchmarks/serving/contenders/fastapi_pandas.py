"""A peer: what most tutorials write. FastAPI, a data frame of one row, scikit-learn."""

from __future__ import annotations

from benchmarks.serving.contenders.base import UvicornProgram

FASTAPI_PANDAS = UvicornProgram(
    name="FastAPI + pandas",
    kind="peer",
    what="FastAPI, pandas and scikit-learn as tutorials put them together",
    program="fastapi_pandas",
    requirements=(
        "fastapi==0.165.0",
        "uvicorn[standard]==0.54.0",
        "pandas==3.1.1",
        "scikit-learn==1.9.1",
        "numpy==2.4.6",
    ),
)
