"""The exported model, as the programs read it. Only Python's own library: every environment has that."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportedModel:
    """A logistic regression on standardised columns, by its coefficients."""

    names: tuple[str, ...]
    classes: tuple[int, int]
    labels: tuple[str, str]
    positive_index: int
    threshold: float
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    row: tuple[float, ...]
    probability: float

    @property
    def positive_label(self) -> str:
        """The label whose probability is answered."""
        return self.labels[self.positive_index]

    @property
    def negative_label(self) -> str:
        """The other label."""
        return self.labels[1 - self.positive_index]


def read_exported_model() -> ExportedModel:
    """The version that is promoted, from the file that `BENCH_MODEL` names."""
    document = json.loads(Path(os.environ["BENCH_MODEL"]).read_text(encoding="utf-8"))
    version = document["versions"][0]
    return ExportedModel(
        names=tuple(version["names"]),
        classes=tuple(version["classes"]),
        labels=tuple(version["labels"]),
        positive_index=version["positive_index"],
        threshold=version["threshold"],
        mean=tuple(version["mean"]),
        scale=tuple(version["scale"]),
        coefficients=tuple(version["coefficients"]),
        intercept=version["intercept"],
        row=tuple(document["rows"][0]),
        probability=version["probabilities"][0],
    )
