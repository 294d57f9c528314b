"""AUC, its variance, and the difference of two AUCs on the same rows.

E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more correlated receiver
operating characteristic curves", Biometrics 44 (1988) 837-845; computed from midranks, as in X. Sun and W. Xu, IEEE
Signal Processing Letters 21 (2014) 1389-1393, in O(n log n) instead of O(positives x negatives).

```python
difference = area_difference(is_positive, challenger, champion)
difference.p_inferior(margin=0.02)  # small: the challenger is not worse by 0.02 or more
```
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Area:
    """The AUC of one scorer, and its variance over samples of rows."""

    value: float
    variance: float
    positives: int
    negatives: int


@dataclass(frozen=True)
class AreaDifference:
    """The AUC of a first scorer minus that of a second one, on the same rows."""

    first: Area
    second: Area
    variance: float

    @property
    def value(self) -> float:
        """The difference."""
        return self.first.value - self.second.value

    def ends(self, reach: float) -> tuple[float, float]:
        """The ends of Wald's interval, which reaches `reach` standard errors to each side, within -1 and 1."""
        width = reach * math.sqrt(self.variance)
        return max(self.value - width, -1.0), min(self.value + width, 1.0)

    def p_inferior(self, margin: float) -> float:
        """The p-value of the hypothesis that the first is worse by `margin` or more."""
        distance = self.value + margin
        if self.variance == 0:
            return 0.0 if distance > 0 else 1.0
        return NormalDist().cdf(-distance / math.sqrt(self.variance))


def area(is_positive: Bools, scores: Floats) -> Area:
    """The AUC of `scores` for rows of both classes."""
    return _areas(is_positive, scores[np.newaxis])[0][0]


def area_difference(is_positive: Bools, first: Floats, second: Floats) -> AreaDifference:
    """The difference of two AUCs, each score standing for the same row."""
    areas, covariance = _areas(is_positive, np.stack([first, second]))
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    # What is left of equal components after rounding is not a variance.
    floor = 1e-14 * float(covariance[0, 0] + covariance[1, 1])
    return AreaDifference(areas[0], areas[1], variance if variance > floor else 0.0)


def _areas(is_positive: Bools, scores: Floats) -> tuple[list[Area], Floats]:
    """The AUC of each row of `scores`, shape (scorers, rows), and their covariances, shape (scorers, scorers)."""
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    pooled = np.array([_midranks(each) for each in scores])
    of_positives = (pooled[:, is_positive] - [_midranks(each) for each in scores[:, is_positive]]) / negatives
    of_negatives = 1 - (pooled[:, ~is_positive] - [_midranks(each) for each in scores[:, ~is_positive]]) / positives
    covariance = _covariance(of_positives) / positives + _covariance(of_negatives) / negatives
    values = of_positives.mean(axis=1)
    areas = [
        Area(float(value), float(variance), positives, negatives)
        for value, variance in zip(values, np.diag(covariance), strict=True)
    ]
    return areas, covariance


def _midranks(scores: Floats) -> Floats:
    """The rank of each score from 1; equal scores share the mean of theirs."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places], dtype=np.float64)


def _covariance(components: Floats) -> Floats:
    """The covariances of the rows of `components`; 0 where a class has a single row, whose spread is not known."""
    columns = components.shape[1]
    centred = components - components.mean(axis=1, keepdims=True)
    # Not a matrix product, which may add in another order on another machine.
    return np.asarray(np.einsum("ij,kj->ik", centred, centred) / max(columns - 1, 1), dtype=np.float64)
