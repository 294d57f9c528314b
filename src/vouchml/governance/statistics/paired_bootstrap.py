"""Intervals from resampled rows: a mean over rows (a loss, or a difference of two losses), or any other statistic.

Percentile intervals, and for means BCa: B. Efron, "Better bootstrap confidence intervals", JASA 82 (1987) 171-185; both
with tails that make up for how narrow resamples of few rows are: T. C. Hesterberg, "What teachers should know about the
bootstrap", The American Statistician 69 (2015) 371-386. Rows are drawn with replacement from all rows, so what two
scorers say of one row stays together. The same seed gives the same bits.

BCa suits a loss, which is skewed to one side. A difference of losses has long tails on both sides: BCa then mistakes a
single row for skewness, and its lower end is too high too often (docs/gates.md, "Coverage of the bootstrap").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vouchml.governance.statistics.intervals import Interval

Floats: TypeAlias = NDArray[np.float64]
Draws: TypeAlias = NDArray[np.intp]
Method: TypeAlias = Literal["bca", "percentile"]

_CELLS_AT_ONCE = 1_000_000


def mean_interval(values: Floats, *, level: float, resamples: int, random_state: int, method: Method) -> Interval:
    """The interval of the mean of `values`, one a row. No width where all values are equal."""
    replicates = np.concatenate(
        [values[draws].mean(axis=1) for draws in _draws(values.size, resamples=resamples, random_state=random_state)]
    )
    tails = _expanded_tails(level, values.size)
    if method == "bca" and np.ptp(values) > 0:
        tails = _corrected(tails, values, replicates)
    return _ends(replicates, tails)


def statistic_interval(
    statistic: Callable[[Draws], Floats], rows: int, *, level: float, resamples: int, random_state: int
) -> Interval:
    """The percentile interval of a statistic, which is given row numbers, shape (resamples, rows), by chunks."""
    replicates = np.concatenate(
        [statistic(draws) for draws in _draws(rows, resamples=resamples, random_state=random_state)]
    )
    return _ends(replicates, _expanded_tails(level, rows))


def _draws(rows: int, *, resamples: int, random_state: int) -> Iterator[Draws]:
    generator = np.random.Generator(np.random.PCG64(random_state))
    step = max(1, _CELLS_AT_ONCE // rows)
    for start in range(0, resamples, step):
        yield generator.integers(rows, size=(min(step, resamples - start), rows), dtype=np.intp)


def _expanded_tails(level: float, rows: int) -> Floats:
    """The tails to look up, so that the interval is as wide as Student's for as many rows."""
    from scipy.special import stdtrit

    freedom = max(rows - 1, 1)
    reach = float(stdtrit(freedom, (1 + level) / 2)) * (rows / freedom) ** 0.5
    tail = NormalDist().cdf(-reach)
    return np.array([tail, 1 - tail])


def _corrected(tails: Floats, values: Floats, replicates: Floats) -> Floats:
    """The tails that BCa looks up instead: corrected for bias, and for a spread that changes with the mean."""
    normal = NormalDist()
    mean = values.mean()
    below = float((np.count_nonzero(replicates < mean) + np.count_nonzero(replicates == mean) / 2) / replicates.size)
    bias = normal.inv_cdf(min(max(below, 0.5 / replicates.size), 1 - 0.5 / replicates.size))
    centred = values - mean
    acceleration = float((centred**3).sum() / (6 * (centred**2).sum() ** 1.5))
    shifted = [bias + normal.inv_cdf(float(tail)) for tail in tails]
    return np.array([normal.cdf(bias + shift / (1 - acceleration * shift)) for shift in shifted])


def _ends(replicates: Floats, tails: Floats) -> Interval:
    low, high = np.quantile(replicates, tails)
    return Interval(float(low), float(high))
