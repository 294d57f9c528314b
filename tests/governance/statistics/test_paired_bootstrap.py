from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import brier_score_loss, log_loss

from vouchml.governance.statistics.intervals import Interval
from vouchml.governance.statistics.losses import log_losses, squared_errors
from vouchml.governance.statistics.paired_bootstrap import Method, mean_interval, statistic_interval

Floats = NDArray[np.float64]

TRIALS = 1500


def scored_rows(rows: int, seed: int = 0) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Rows with the calibrated probabilities of one scorer, and those of a second one that sees it with more noise."""
    generator = np.random.default_rng(seed)
    is_positive = generator.random(rows) < 0.6
    log_odds = generator.normal(np.where(is_positive, 2.0, -2.0), 2.0)
    noisy = log_odds + generator.normal(0.0, 0.7, rows)
    first, second = (1 / (1 + np.exp(-each)) for each in (log_odds, noisy))
    return is_positive, first, second


def test_the_losses_are_those_of_scikit_learn_also_for_certain_rows() -> None:
    is_positive, p, _ = scored_rows(200)
    p[:4], is_positive[:4] = (0.0, 1.0, 0.0, 1.0), (True, True, False, False)
    assert log_losses(is_positive, p).mean() == pytest.approx(log_loss(is_positive, p), rel=1e-12)
    assert squared_errors(is_positive, p).mean() == pytest.approx(brier_score_loss(is_positive, p), rel=1e-12)


@pytest.mark.parametrize("method", ["BCa", "percentile"])
def test_the_interval_is_near_that_of_scipy(method: str) -> None:
    is_positive, first, second = scored_rows(150)
    gains = log_losses(is_positive, second) - log_losses(is_positive, first)
    own: Method = "bca" if method == "BCa" else "percentile"
    found = mean_interval(gains, level=0.95, resamples=20_000, random_state=1, method=own)
    theirs = stats.bootstrap(
        (gains,), np.mean, method=method, n_resamples=20_000, vectorized=True, rng=np.random.default_rng(2)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert found.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    values = np.random.default_rng(0).exponential(size=114)
    first, again, other = (
        mean_interval(values, level=0.95, resamples=500, random_state=seed, method="bca") for seed in (42, 42, 43)
    )
    assert first == again
    assert first != other


def test_equal_values_have_an_interval_without_width() -> None:
    assert mean_interval(np.zeros(50), level=0.95, resamples=300, random_state=0, method="bca") == Interval(0.0, 0.0)
    one = mean_interval(np.full(50, 0.1), level=0.95, resamples=300, random_state=0, method="bca")
    assert (one.low, one.high) == pytest.approx((0.1, 0.1))


def test_a_statistic_of_rows_gives_the_percentile_interval_of_its_mean() -> None:
    values = np.random.default_rng(3).normal(size=80)
    by_statistic = statistic_interval(
        lambda draws: values[draws].mean(axis=1), 80, level=0.9, resamples=999, random_state=5
    )
    assert by_statistic == mean_interval(values, level=0.9, resamples=999, random_state=5, method="percentile")


def test_the_size_of_a_chunk_is_not_seen_in_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).normal(size=300)
    interval = partial(mean_interval, values, level=0.95, resamples=1000, random_state=0, method="bca")
    whole = interval()
    monkeypatch.setattr("vouchml.governance.statistics.paired_bootstrap._CELLS_AT_ONCE", 1234)
    assert interval() == whole


def test_few_rows_make_the_interval_as_wide_as_students_and_no_narrower() -> None:
    values = np.random.default_rng(6).normal(size=12)
    found = mean_interval(values, level=0.95, resamples=50_000, random_state=0, method="percentile")
    student = 2 * stats.t.ppf(0.975, 11) * stats.sem(values)
    assert found.high - found.low == pytest.approx(student, rel=0.03)


@pytest.mark.parametrize(
    ("rows", "what", "method"), [(300, "advantage", "percentile"), (150, "loss", "bca")], ids=["advantage", "loss"]
)
def test_ninety_five_percent_intervals_hold_the_truth_in_94_to_96_percent(rows: int, what: str, method: Method) -> None:
    # benchmarks/gate_error_rates.py has more trials, more sizes and both losses; docs/gates.md has its figures.
    def values(rows: int, seed: int) -> Floats:
        is_positive, first, second = scored_rows(rows, seed=seed)
        own = squared_errors(is_positive, first)
        return squared_errors(is_positive, second) - own if what == "advantage" else own

    truth = float(values(2_000_000, seed=10).mean())
    held = 0
    for seed in range(TRIALS):
        interval = mean_interval(values(rows, 1000 + seed), level=0.95, resamples=500, random_state=seed, method=method)
        held += interval.low <= truth <= interval.high
    assert held / TRIALS == pytest.approx(0.95, abs=0.01)
