"""What is known about how good a model is: its metrics on the test rows with intervals, and cross-validation.

One `Evaluation` feeds MLflow's metrics, the run manifest, the plots and, later, the gate.

```python
evaluation = evaluate(y_true, p, labels=("malignant", "benign"), positive_class="benign", threshold=0.5,
                      resamples=2000, random_state=42, cross_validation=folds)
evaluation.metrics["roc_auc"].low
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from vouchml.training.bootstrap import Interval, intervals
from vouchml.training.cross_validation import CrossValidation
from vouchml.training.metrics import Bools, Floats, label_positive, point_metrics

Counts: TypeAlias = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Estimate:
    """A metric's value on the test rows and the interval around it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of one fitted model on the rows that it has not seen.

    `labels` stand in the order of the estimator's classes. `confusion` has a row for each true class and a column
    for each predicted one, in that order.
    """

    labels: tuple[str, str]
    positive_class: str
    threshold: float
    rows: int
    positives: int
    metrics: Mapping[str, Estimate]
    confusion: Counts
    level: float
    resamples: int
    random_state: int
    cross_validation: CrossValidation
    notes: tuple[str, ...] = ()

    @property
    def negative_class(self) -> str:
        """The label name of the other class."""
        return self.labels[1 - self.labels.index(self.positive_class)]

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form: plain numbers, strings, lists and objects, none of them NaN or infinite."""
        return {
            "test_rows": self.rows,
            "test_positives": self.positives,
            "labels": list(self.labels),
            "positive_class": self.positive_class,
            "threshold": self.threshold,
            "metrics": {name: asdict(estimate) for name, estimate in self.metrics.items()},
            "interval": {
                "level": self.level,
                "method": "stratified percentile bootstrap",
                "resamples": self.resamples,
                "random_state": self.random_state,
            },
            "confusion_matrix": {
                "rows": "true class",
                "columns": "predicted class",
                "counts": [list(row) for row in self.confusion],
            },
            "cross_validation": self.cross_validation.to_dict(),
            "notes": list(self.notes),
        }

    def as_mlflow_metrics(self) -> dict[str, float]:
        """Give the flat form: `accuracy`, `accuracy_ci_low`, `accuracy_ci_high`, `cv_accuracy_mean`, and so on."""
        flat: dict[str, float] = {}
        for name, estimate in self.metrics.items():
            flat |= {name: estimate.value, f"{name}_ci_low": estimate.low, f"{name}_ci_high": estimate.high}
        for name, score in self.cross_validation.metrics.items():
            flat |= {f"cv_{name}_mean": score.mean, f"cv_{name}_std": score.std}
        return flat


def evaluate(
    y_true: Bools,
    p: Floats,
    *,
    labels: tuple[str, str],
    positive_class: str,
    threshold: float,
    resamples: int,
    random_state: int,
    cross_validation: CrossValidation,
    level: float = 0.95,
) -> Evaluation:
    """Judge the probabilities `p` of the positive class against `y_true` (whether a row is of that class).

    Raises:
        TableInvalid: the rows hold one class only.
        TrainingRefused: the estimator gave something that is not a probability.
    """
    values = point_metrics(y_true, p, threshold=threshold)
    around = intervals(y_true, p, threshold=threshold, resamples=resamples, random_state=random_state, level=level)
    return Evaluation(
        labels=labels,
        positive_class=positive_class,
        threshold=threshold,
        rows=y_true.size,
        positives=int(y_true.sum()),
        metrics={name: Estimate(value, around[name].low, around[name].high) for name, value in values.items()},
        confusion=_confusion(y_true, label_positive(p, threshold=threshold), labels.index(positive_class)),
        level=level,
        resamples=resamples,
        random_state=random_state,
        cross_validation=cross_validation,
        notes=_notes(around, cross_validation),
    )


def _confusion(y_true: Bools, labelled: Bools, positive_index: int) -> Counts:
    true_class, predicted = (np.where(mask, positive_index, 1 - positive_index) for mask in (y_true, labelled))
    counts = np.bincount(2 * true_class + predicted, minlength=4).tolist()
    return (counts[0], counts[1]), (counts[2], counts[3])


def _notes(around: Mapping[str, Interval], cross_validation: CrossValidation) -> tuple[str, ...]:
    flat = ", ".join(name for name, interval in around.items() if interval.low == interval.high)
    widthless = f"All resamples agree on {flat}: too few errors to say how certain that is." if flat else ""
    return tuple(note for note in (widthless, cross_validation.note) if note)
