"""Whether probabilities are what they say: expected calibration error, and calibration slope.

- The error is the mean distance, over ten bins of equal width weighted by their rows, between the mean probability and
  the share of positives. M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI (2015). It is biased upwards where bins
  have few rows, so a bound on its upper end is kept late rather than early.
- The slope is that of a logistic regression of the class on the log-odds: 1 is right, below 1 is too sure. D. R. Cox,
  Biometrika 45 (1958) 562-565.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vouchml.governance.statistics.intervals import Interval, normal_quantile

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS: Final = 10
_STEPS: Final = 100


def calibration_errors(is_positive: Bools, p: Floats, draws: NDArray[np.intp]) -> Floats:
    """The expected calibration error of each row of `draws`, which are row numbers, shape (resamples, rows)."""
    excess = p - is_positive
    bins = np.minimum((p * BINS).astype(np.intp), BINS - 1)
    resamples, rows = draws.shape
    place = bins[draws] + np.arange(resamples)[:, np.newaxis] * BINS
    sums = np.bincount(place.ravel(), weights=excess[draws].ravel(), minlength=resamples * BINS)
    return np.asarray(np.abs(sums.reshape(resamples, BINS)).sum(axis=1) / rows, dtype=np.float64)


@dataclass(frozen=True)
class CalibrationSlope:
    """The slope and its standard error."""

    value: float
    standard_error: float

    def interval(self, level: float) -> Interval:
        """Wald's interval."""
        reach = normal_quantile(level) * self.standard_error
        return Interval(self.value - reach, self.value + reach)


def calibration_slope(is_positive: Bools, p: Floats) -> CalibrationSlope | None:
    """The calibration slope; None where it has no finite value, as when no row is on the wrong side."""
    if is_positive.all() or not is_positive.any():
        return None
    epsilon = np.finfo(np.float64).eps
    clipped = np.clip(p, epsilon, 1 - epsilon)
    log_odds = np.log(clipped) - np.log1p(-clipped)
    if log_odds[is_positive].min() >= log_odds[~is_positive].max() or np.ptp(log_odds) == 0:
        return None
    design = np.stack([np.ones_like(log_odds), log_odds], axis=1)
    weights = np.array([0.0, 1.0])
    best = _log_likelihood(design, is_positive, weights)
    for _ in range(_STEPS):
        fitted = _expit(design @ weights)
        information = (design * (fitted * (1 - fitted))[:, np.newaxis]).T @ design
        try:
            step = np.linalg.solve(information, design.T @ (is_positive - fitted))
        except np.linalg.LinAlgError:
            return None
        # The likelihood has one peak: halve a step that goes past it.
        while (reached := _log_likelihood(design, is_positive, weights + step)) < best - 1e-12 * abs(best):
            step = step / 2
        weights, best = weights + step, reached
        if np.abs(step).max() < 1e-10:
            variance = float(np.linalg.inv(information)[1, 1])
            return CalibrationSlope(float(weights[1]), math.sqrt(variance))
    return None


def _log_likelihood(design: Floats, is_positive: Bools, weights: Floats) -> float:
    signed = np.where(is_positive, 1.0, -1.0) * (design @ weights)
    return float(-np.logaddexp(0.0, -signed).sum())


def _expit(log_odds: Floats) -> Floats:
    odds_against = np.exp(-np.abs(log_odds))
    return np.asarray(np.where(log_odds >= 0, 1.0, odds_against) / (1 + odds_against), dtype=np.float64)
