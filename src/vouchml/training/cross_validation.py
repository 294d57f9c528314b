"""Stratified k-fold cross-validation on the training split: how much the figures move with the training sample.

Every fold fits a fresh pipeline, scaling included, on the other folds, and is judged by the metrics of
`vouchml.training.metrics`. The test split is never seen here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vouchml.training.metrics import METRICS, point_metrics

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class FoldScores:
    """One metric over the folds; the standard deviation is the folds' own (divided by their number)."""

    mean: float
    std: float
    per_fold: tuple[float, ...]


@dataclass(frozen=True)
class CrossValidation:
    """What cross-validation found; `folds` is 0 and `metrics` empty when there was none, and `note` says why."""

    folds: int
    metrics: Mapping[str, FoldScores] = field(default_factory=dict)
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form."""
        scores = {
            name: {"mean": score.mean, "std": score.std, "per_fold": list(score.per_fold)}
            for name, score in self.metrics.items()
        }
        return {"folds": self.folds, "metrics": scores, "note": self.note}


def cross_validate(
    make_pipeline: Callable[[], Pipeline],
    frame: pd.DataFrame,
    targets: NDArray[Any],
    *,
    positive_value: int | str,
    threshold: float,
    folds: int,
    random_state: int,
) -> CrossValidation:
    """Fit and judge a new pipeline on each of `folds` stratified folds.

    When the smaller class has fewer rows than `folds`, there are as many folds as it has rows; with fewer than 2
    there is no cross-validation. The result's `note` says so.

    Args:
        make_pipeline: makes an unfitted pipeline; called once a fold.
        frame: the training rows, with column names.
        targets: their raw target values.
        positive_value: the target value of the positive class.
        threshold: the least probability that is labelled positive.
        folds: the number of folds wanted.
        random_state: the seed of the shuffle.
    """
    from sklearn.model_selection import StratifiedKFold

    y_true = np.asarray(targets == positive_value, dtype=np.bool_)
    smaller = int(min(y_true.sum(), (~y_true).sum()))
    possible = min(folds, smaller)
    if possible < 2:
        return CrossValidation(folds=0, note=_why_none(folds, smaller))
    splitter = StratifiedKFold(n_splits=possible, shuffle=True, random_state=random_state)
    scores = []
    for train, judge in splitter.split(frame, y_true):
        pipeline = make_pipeline().fit(frame.iloc[train], targets[train])
        column = list(pipeline.classes_).index(positive_value)
        p = np.asarray(pipeline.predict_proba(frame.iloc[judge])[:, column], dtype=np.float64)
        scores.append(point_metrics(y_true[judge], p, threshold=threshold))
    metrics = {name: _summarise(tuple(score[name] for score in scores)) for name in METRICS}
    return CrossValidation(folds=possible, metrics=metrics, note=_why_fewer(folds, possible))


def _summarise(per_fold: tuple[float, ...]) -> FoldScores:
    return FoldScores(mean=float(np.mean(per_fold)), std=float(np.std(per_fold)), per_fold=per_fold)


def _why_none(folds: int, smaller: int) -> str:
    if folds < 2:
        return f"No cross-validation: [training] cv_folds is {folds}, and it takes at least 2."
    return (
        f"No cross-validation: the smaller class has {smaller} row(s) in the training split, and it takes at least 2."
    )


def _why_fewer(folds: int, possible: int) -> str:
    if possible == folds:
        return ""
    return f"{possible} folds instead of {folds}: the smaller class has {possible} rows in the training split."
