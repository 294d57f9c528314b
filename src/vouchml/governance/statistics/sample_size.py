"""How many rows it would take to decide, if what was observed stays as it is.

Not a plan for a new test set (that asks for power as well): at this size the interval would just come clear of the
bound, which happens in about half of the samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from vouchml.governance.statistics.intervals import Interval, normal_quantile

MOST_ROWS: Final = 10**9


def rows_for_mean(*, value: float, bound: float, variance_of_a_row: float, level: float) -> int | None:
    """The rows at which an interval of `value` that narrows with 1/√rows leaves `bound`; None beyond 10^9."""
    distance = abs(value - bound)
    if distance == 0:
        return None
    # Compared before it is squared, which may be beyond a float.
    standard_deviations = normal_quantile(level) * math.sqrt(variance_of_a_row) / distance
    if standard_deviations > math.sqrt(MOST_ROWS):
        return None
    return max(1, math.ceil(standard_deviations**2))


def rows_for_interval(interval_at: Callable[[int], Interval], bound: float) -> int | None:
    """The smallest number of rows at which `interval_at` leaves `bound`; None beyond 10^9."""
    low, high = 0, 1
    while not _clear(interval_at(high), bound):
        low, high = high, 2 * high
        if high > MOST_ROWS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if _clear(interval_at(middle), bound):
            high = middle
        else:
            low = middle
    return high


def _clear(interval: Interval, bound: float) -> bool:
    return interval.low >= bound or interval.high <= bound
