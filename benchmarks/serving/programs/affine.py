"""The model folded into one affine form: what the limits score with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.programs.exported_model import ExportedModel


@dataclass(frozen=True)
class Affine:
    """Weights and a bias whose sum is the log-odds of the second class."""

    weights: NDArray[np.float64]
    bias: float

    def probability(self, row: Sequence[float]) -> float:
        """The probability of the second class."""
        log_odds = float(np.dot(np.array(row), self.weights)) + self.bias
        if log_odds >= 0.0:
            return 1.0 / (1.0 + math.exp(-log_odds))
        odds = math.exp(log_odds)
        return odds / (1.0 + odds)


def fold(model: ExportedModel) -> Affine:
    """Put scaling and coefficients together; negated when the first class is the positive one."""
    sign = 1.0 if model.positive_index == 1 else -1.0
    weights = np.array(model.coefficients) / np.array(model.scale)
    bias = model.intercept - float(np.dot(weights, np.array(model.mean)))
    return Affine(weights=sign * weights, bias=sign * bias)


def body_type(model: ExportedModel) -> type[msgspec.Struct]:
    """`{"features": {...}}` as structs: exactly the names, each a number, nothing else."""
    fields = [(f"f{index}", float) for index in range(len(model.names))]
    renamed = {f"f{index}": name for index, name in enumerate(model.names)}
    options: dict[str, Any] = {"forbid_unknown_fields": True, "gc": False}
    features = msgspec.defstruct("Features", fields, rename=renamed, **options)
    return msgspec.defstruct("Body", [("features", features)], **options)


class Answer(msgspec.Struct, gc=False):
    """The least that an answer says."""

    probability_positive_class: float
    prediction_label: str
