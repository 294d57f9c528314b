"""The eight figures by which a classifier is judged, for one set of rows and for many weightings of it.

`point_metrics` asks scikit-learn. `WeightedMetrics` computes the same definitions for thousands of row weightings at
once: the scores are sorted once, and each weighting costs two cumulative sums. The bootstrap stands on it.

```python
point_metrics(y_true, p, threshold=0.5)["roc_auc"]
```
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import TableInvalid, TrainingRefused

METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "log_loss", "brier")
"""The names, in the order in which they are shown. All are about the positive class."""

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


def label_positive(p: Floats, *, threshold: float) -> Bools:
    """Say which rows are labelled positive: those whose probability is at least `threshold`."""
    return p >= threshold


def check_scores(y_true: Bools, p: Floats) -> None:
    """Refuse what no metric is defined for.

    Raises:
        TableInvalid: the rows hold one class only.
        TrainingRefused: the estimator gave something that is not a probability.
    """
    if y_true.ndim != 1 or y_true.shape != p.shape:
        raise TrainingRefused(
            f"The estimator gave {p.shape} probabilities for {y_true.shape} rows.",
            remedy="Choose an estimator whose predict_proba answers one row a row.",
        )
    if y_true.all() or not y_true.any():
        raise TableInvalid(
            f"The {y_true.size} rows to be evaluated hold one class only.",
            remedy="Give the table more rows of the smaller class, or raise [training] test_size.",
        )
    outside = ~((p >= 0.0) & (p <= 1.0))
    if outside.any():
        raise TrainingRefused(
            f"The estimator gave no probability between 0 and 1 for {int(outside.sum())} of {p.size} rows.",
            remedy="Check [model] parameters, and the table for values of very different size.",
        )


def point_metrics(y_true: Bools, p: Floats, *, threshold: float) -> dict[str, float]:
    """Compute every metric of `METRICS` with scikit-learn; an undefined precision or F1 is 0."""
    from sklearn import metrics

    check_scores(y_true, p)
    labels = label_positive(p, threshold=threshold)
    return {
        "accuracy": float(metrics.accuracy_score(y_true, labels)),
        "precision": float(metrics.precision_score(y_true, labels, zero_division=0)),
        "recall": float(metrics.recall_score(y_true, labels, zero_division=0)),
        "f1": float(metrics.f1_score(y_true, labels, zero_division=0)),
        "roc_auc": float(metrics.roc_auc_score(y_true, p)),
        "average_precision": float(metrics.average_precision_score(y_true, p)),
        "log_loss": float(metrics.log_loss(y_true, p)),
        "brier": float(metrics.brier_score_loss(y_true, p)),
    }


@dataclass(frozen=True)
class WeightedMetrics:
    """One set of scored rows, sorted, ready to be judged under any row weights.

    The rows of each class stand in ascending order of their score, and weights are given in that order.
    """

    positives: Floats
    negatives: Floats
    threshold: float

    @classmethod
    def of(cls, y_true: Bools, p: Floats, *, threshold: float) -> WeightedMetrics:
        """Sort the scores of each class."""
        check_scores(y_true, p)
        return cls(np.sort(p[y_true]), np.sort(p[~y_true]), threshold)

    def compute(self, positive_weights: Floats, negative_weights: Floats) -> dict[str, Floats]:
        """Compute every metric of `METRICS` for each weighting.

        Args:
            positive_weights: one weighting a row, one column for each value of `positives`.
            negative_weights: the same for `negatives`.

        Returns:
            For each metric one value for each weighting. Counts are exact: whole-number weights give the same
            areas in any order of addition.
        """
        above = _Above(positive_weights, negative_weights)
        cut = np.searchsorted(self.positives, self.threshold), np.searchsorted(self.negatives, self.threshold)
        true_positive, false_positive = above.positives[:, cut[0]], above.negatives[:, cut[1]]
        all_positive, all_negative = above.positives[:, 0], above.negatives[:, 0]
        total = all_positive + all_negative
        return {
            "accuracy": (true_positive + all_negative - false_positive) / total,
            "precision": _ratio(true_positive, true_positive + false_positive),
            "recall": _ratio(true_positive, all_positive),
            "f1": _ratio(2 * true_positive, true_positive + false_positive + all_positive),
            "roc_auc": self._roc_auc(positive_weights, above),
            "average_precision": self._average_precision(positive_weights, above),
            "log_loss": self._sum(_log_loss, positive_weights, negative_weights) / total,
            "brier": self._sum(_squared_error, positive_weights, negative_weights) / total,
        }

    def _roc_auc(self, weights: Floats, above: _Above) -> Floats:
        """The Mann-Whitney statistic: a negative of the same score counts half."""
        not_below = np.searchsorted(self.negatives, self.positives, side="left")
        strictly_above = np.searchsorted(self.negatives, self.positives, side="right")
        beaten = above.negatives[:, not_below]
        beaten += above.negatives[:, strictly_above]
        np.subtract(2 * above.negatives[:, :1], beaten, out=beaten)
        doubled = np.einsum("ij,ij->i", weights, beaten)
        return np.asarray(doubled / (2 * above.positives[:, 0] * above.negatives[:, 0]), dtype=np.float64)

    def _average_precision(self, weights: Floats, above: _Above) -> Floats:
        """The mean, over the positives, of the precision at their own score; equal scores share one."""
        true_positive = above.positives[:, np.searchsorted(self.positives, self.positives, side="left")]
        selected = above.negatives[:, np.searchsorted(self.negatives, self.positives, side="left")]
        selected += true_positive
        precision = _ratio(true_positive, selected)
        return np.asarray(np.einsum("ij,ij->i", weights, precision) / above.positives[:, 0], dtype=np.float64)

    def _sum(self, loss: Callable[[Floats], Floats], positive_weights: Floats, negative_weights: Floats) -> Floats:
        # einsum, not a matrix product: BLAS may add in another order when the number of weightings differs.
        of_positives = np.einsum("ij,j->i", positive_weights, loss(self.positives))
        return np.asarray(of_positives + np.einsum("ij,j->i", negative_weights, loss(1 - self.negatives)))


class _Above:
    """For each class and weighting, the weight at and after each place in the order of scores; 0 past the end."""

    def __init__(self, positive_weights: Floats, negative_weights: Floats) -> None:
        self.positives = _sum_from_the_end(positive_weights)
        self.negatives = _sum_from_the_end(negative_weights)


def _sum_from_the_end(weights: Floats) -> Floats:
    sums = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights[:, ::-1], axis=1, out=sums[:, -2::-1])
    return sums


def _log_loss(own: Floats) -> Floats:
    epsilon = np.finfo(np.float64).eps
    return -np.log(np.clip(own, epsilon, 1 - epsilon))


def _squared_error(own: Floats) -> Floats:
    return np.square(1 - own)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """`part / whole`, and 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
