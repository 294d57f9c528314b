"""BentoML: a service class with one API."""

from __future__ import annotations

from typing import Any

import bentoml
import numpy as np

from benchmarks.serving.programs.exported_model import read_exported_model
from benchmarks.serving.programs.pipeline import make_pipeline


@bentoml.service(workers=1)
class Classifier:
    """The model."""

    def __init__(self) -> None:
        self.exported = read_exported_model()
        self.pipeline = make_pipeline(self.exported, named=False)

    @bentoml.api
    def predict(self, rows: np.ndarray) -> dict[str, Any]:
        """Score one row."""
        model = self.exported
        probability = float(self.pipeline.predict_proba(rows)[0, model.positive_index])
        label = model.positive_label if probability >= model.threshold else model.negative_label
        return {"probability_positive_class": probability, "prediction_label": label}
