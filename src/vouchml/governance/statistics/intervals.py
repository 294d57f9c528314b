"""Intervals that a bound or a margin is held against; all are two-sided at `level`.

- Proportions: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404-413, whose coverage is never below the level.
- AUC: DeLong's variance on the logit scale, where an interval stays below 1 (M. S. Pepe, "The Statistical Evaluation
  of Medical Tests for Classification and Prediction", 2003, section 5.2).
- Difference of two proportions on the same rows: T. Tango, Statistics in Medicine 17 (1998) 891-908.
- Median: the order statistics that the binomial distribution puts around it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from vouchml.governance.statistics.delong import Area


@dataclass(frozen=True)
class Interval:
    """The two ends of an interval, both included."""

    low: float
    high: float


def normal_quantile(level: float) -> float:
    """How many standard errors a two-sided interval reaches to each side."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def clopper_pearson(successes: float, rows: float, *, level: float) -> Interval:
    """The exact interval of a proportion. Fractions of rows are taken too, for sample sizes that are only imagined."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = 0.0 if successes <= 0 else float(betaincinv(successes, rows - successes + 1, tail))
    high = 1.0 if successes >= rows else float(betaincinv(successes + 1, rows - successes, 1 - tail))
    return Interval(low, high)


def area_interval(area: Area, *, level: float) -> Interval:
    """The interval of an AUC.

    Where no row is out of order the variance is 0, which is no certainty. Then all of the disjoint pairs that the
    smaller class gives are in order, and each is so with the probability that is the AUC: the exact bound for that
    many successes is a bound for the AUC as well. One row of a class says nothing about its spread.
    """
    pairs = min(area.positives, area.negatives)
    if pairs < 2:
        return Interval(0.0, 1.0)
    if area.value in (0.0, 1.0):
        return clopper_pearson(pairs * area.value, pairs, level=level)
    if area.variance <= 0:
        return Interval(area.value, area.value)
    logit = math.log(area.value / (1 - area.value))
    reach = normal_quantile(level) * math.sqrt(area.variance) / (area.value * (1 - area.value))
    return Interval(_expit(logit - reach), _expit(logit + reach))


def paired_difference(only_first: float, only_second: float, rows: int, *, level: float) -> Interval:
    """Tango's score interval for (share of rows where the first is right) - (the same of the second).

    `only_first` counts the rows where only the first is right; fractions are taken, for sample sizes that are only
    imagined. No discordant row at all gives an interval of some width: so few rows cannot show more.
    """
    observed = (only_first - only_second) / rows
    z = normal_quantile(level)
    ends = [_crossing(only_first, only_second, rows, target=sign * z, start=observed) for sign in (1, -1)]
    return Interval(*ends)


def median_interval(values: NDArray[np.float64], *, level: float) -> Interval:
    """Order statistics around the median whose coverage is at least `level`; all values where there are too few."""
    from scipy.special import bdtr

    ordered = np.sort(values)
    tails = bdtr(np.arange(len(ordered)), len(ordered), 0.5)
    below = max(int(np.searchsorted(tails, (1 - level) / 2, side="right")) - 1, 0)
    return Interval(float(ordered[below]), float(ordered[-1 - below]))


def _expit(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def _crossing(only_first: float, only_second: float, rows: int, *, target: float, start: float) -> float:
    """Where the score statistic, which falls as the difference grows, is `target`: by bisection."""
    low, high = (-1.0, start) if target > 0 else (start, 1.0)
    for _ in range(60):
        middle = (low + high) / 2
        if _score(only_first, only_second, rows, middle) > target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _score(only_first: float, only_second: float, rows: int, difference: float) -> float:
    """Tango's statistic for the hypothesis that the difference is `difference` (his equations 5 and 6)."""
    distance = only_first - only_second - rows * difference
    a = 2 * rows
    b = -only_first - only_second + (2 * rows - only_first + only_second) * difference
    c = -only_second * difference * (1 - difference)
    share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = rows * (2 * share + difference * (1 - difference))
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)
