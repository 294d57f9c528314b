"""A peer: vetiver, with its prototype check on and a handler that answers probabilities, as its documents show."""

from __future__ import annotations

from typing import Any

from benchmarks.serving.contenders.base import UvicornProgram
from benchmarks.serving.trained_model import TrainedModel


def _records(model: TrainedModel) -> Any:
    return [model.named(model.first_row)]


def _first(answer: Any) -> float:
    return float(answer["predict"][0])


VETIVER = UvicornProgram(
    name="vetiver",
    kind="peer",
    what="VetiverAPI with prototype check, on uvicorn",
    program="vetiver_app",
    requirements=(
        "vetiver==0.2.6",
        "pins==0.9.2",
        "fastapi==0.165.0",
        "uvicorn[standard]==0.54.0",
        "pandas==3.1.1",
        "scikit-learn==1.9.1",
        "numpy==2.4.6",
    ),
    envelope=_records,
    found=_first,
)
