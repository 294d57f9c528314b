from __future__ import annotations

from vouchml.governance.statistics.intervals import Interval, clopper_pearson, normal_quantile
from vouchml.governance.statistics.sample_size import rows_for_interval, rows_for_mean


def test_at_that_many_rows_the_interval_comes_clear_of_the_bound_and_one_row_earlier_it_does_not() -> None:
    rows = rows_for_mean(value=0.01, bound=-0.02, variance_of_a_row=0.09, level=0.95)
    assert rows is not None
    reach = [normal_quantile(0.95) * (0.09 / count) ** 0.5 for count in (rows, rows - 1)]
    assert reach[0] <= 0.03 < reach[1]


def test_a_value_at_the_bound_or_a_hair_away_is_never_decided() -> None:
    assert rows_for_mean(value=-0.02, bound=-0.02, variance_of_a_row=0.09, level=0.95) is None
    assert rows_for_mean(value=1e-200, bound=0.0, variance_of_a_row=0.09, level=0.95) is None


def test_the_rows_for_a_share_are_the_fewest_that_clear_the_bound() -> None:
    def interval_at(rows: int) -> Interval:
        return clopper_pearson(0.95 * rows, rows, level=0.95)

    rows = rows_for_interval(interval_at, 0.9)
    assert rows is not None
    assert interval_at(rows).low >= 0.9 > interval_at(rows - 1).low
    assert rows_for_interval(interval_at, 0.95) is None
