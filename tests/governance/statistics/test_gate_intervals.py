from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint

from vouchml.governance.statistics.delong import Area, area
from vouchml.governance.statistics.intervals import (
    Interval,
    area_interval,
    clopper_pearson,
    median_interval,
    normal_quantile,
    paired_difference,
)


def test_the_normal_quantile_is_scipys() -> None:
    for level in (0.5, 0.9, 0.95, 0.99):
        assert normal_quantile(level) == pytest.approx(stats.norm.ppf(0.5 + level / 2), rel=1e-12)


@given(rows=st.integers(1, 2000), share=st.floats(0, 1), level=st.sampled_from([0.9, 0.95, 0.99]))
def test_clopper_pearson_is_that_of_statsmodels(rows: int, share: float, level: float) -> None:
    successes = round(share * rows)
    expected = proportion_confint(successes, rows, alpha=1 - level, method="beta")
    found = clopper_pearson(successes, rows, level=level)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-10)


def test_the_interval_of_an_area_stays_within_one_and_is_symmetric_in_the_log_odds() -> None:
    interval = area_interval(Area(0.99, 0.0001, 50, 50), level=0.95)
    assert 0.9 < interval.low < 0.99 < interval.high < 1.0
    logits = [math.log(value / (1 - value)) for value in (interval.low, 0.99, interval.high)]
    assert logits[1] - logits[0] == pytest.approx(logits[2] - logits[1])
    # The delta method: half the width is that of Wald's interval, divided by the slope of the logit.
    assert logits[2] - logits[1] == pytest.approx(normal_quantile(0.95) * 0.01 / (0.99 * 0.01))


def test_no_row_out_of_order_is_not_certainty() -> None:
    is_positive = np.arange(50) < 20
    perfect = area(is_positive, is_positive.astype(np.float64))
    interval = area_interval(perfect, level=0.95)
    assert (perfect.value, perfect.variance) == (1.0, 0.0)
    assert (interval.low, interval.high) == pytest.approx((0.025 ** (1 / 20), 1.0))
    inverted = area_interval(area(~is_positive, is_positive.astype(np.float64)), level=0.95)
    assert (inverted.low, inverted.high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 20)))


def test_one_row_of_a_class_says_nothing_and_constant_scores_say_one_half() -> None:
    one = area(np.array([True, False, False]), np.array([0.9, 0.1, 0.2]))
    assert area_interval(one, level=0.95) == Interval(0.0, 1.0)
    constant = area(np.arange(10) < 5, np.ones(10))
    assert area_interval(constant, level=0.95) == Interval(0.5, 0.5)


def tango_by_likelihood(only_first: int, only_second: int, rows: int, difference: float) -> float:
    """The score statistic from the multinomial likelihood itself, maximised under the hypothesis."""
    low, high = max(0.0, -difference), (1 - difference) / 2
    both = rows - only_first - only_second

    def minus_log_likelihood(q: float) -> float:
        return -float(
            np.sum(
                [
                    stats.multinomial.logpmf(
                        [only_first, only_second, both], rows, [q + difference, q, 1 - 2 * q - difference]
                    )
                ]
            )
        )

    q = optimize.minimize_scalar(minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    variance = (2 * q + difference - difference**2) / rows
    return float(((only_first - only_second) / rows - difference) / math.sqrt(variance))


@settings(max_examples=40, deadline=None)
@given(counts=st.tuples(st.integers(1, 12), st.integers(1, 12)), concordant=st.integers(3, 200))
def test_the_ends_of_the_paired_interval_are_where_the_score_test_is_at_its_quantile(
    counts: tuple[int, int], concordant: int
) -> None:
    rows = sum(counts) + concordant
    interval = paired_difference(*counts, rows, level=0.95)
    quantile = normal_quantile(0.95)
    assert tango_by_likelihood(*counts, rows, interval.low) == pytest.approx(quantile, abs=1e-3)
    assert tango_by_likelihood(*counts, rows, interval.high) == pytest.approx(-quantile, abs=1e-3)


def test_without_discordant_rows_the_paired_interval_says_how_little_they_show() -> None:
    interval = paired_difference(0, 0, 114, level=0.95)
    squared = normal_quantile(0.95) ** 2
    assert interval.high == pytest.approx(squared / (114 + squared))
    assert interval.low == pytest.approx(-interval.high)


@given(counts=st.tuples(st.integers(0, 30), st.integers(0, 30)), concordant=st.integers(1, 300))
def test_the_paired_interval_holds_the_difference_and_turns_with_the_sides(
    counts: tuple[int, int], concordant: int
) -> None:
    rows = sum(counts) + concordant
    interval, turned = (paired_difference(*pair, rows, level=0.95) for pair in (counts, counts[::-1]))
    difference = (counts[0] - counts[1]) / rows
    assert -1 <= interval.low <= difference <= interval.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-interval.high, -interval.low), abs=1e-9)


@pytest.mark.parametrize("rows", [6, 20, 101, 1000])
def test_the_order_statistics_around_a_median_cover_it(rows: int) -> None:
    interval = median_interval(np.arange(rows, dtype=np.float64), level=0.95)
    below = int(interval.low)
    assert interval.high == rows - 1 - below
    assert 1 - 2 * stats.binom.cdf(below, rows, 0.5) >= 0.95
    assert 1 - 2 * stats.binom.cdf(below + 1, rows, 0.5) < 0.95
