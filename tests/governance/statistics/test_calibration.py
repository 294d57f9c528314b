from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from vouchml.governance.statistics.calibration import BINS, calibration_errors, calibration_slope

Floats = NDArray[np.float64]


def rows_with(slope: float, rows: int, seed: int) -> tuple[NDArray[np.bool_], Floats]:
    """Probabilities whose true log-odds are `slope` times what they say."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(0.3, 2.0, rows)
    is_positive = generator.random(rows) < 1 / (1 + np.exp(-slope * log_odds))
    return is_positive, 1 / (1 + np.exp(-log_odds))


def test_the_slope_and_its_error_are_those_of_statsmodels() -> None:
    for seed, slope in enumerate((0.5, 1.0, 2.0)):
        is_positive, p = rows_with(slope, 400, seed)
        expected = sm.Logit(is_positive, sm.add_constant(np.log(p / (1 - p)))).fit(disp=0)
        found = calibration_slope(is_positive, p)
        assert found is not None
        assert found.value == pytest.approx(expected.params[1], rel=1e-6)
        assert found.standard_error == pytest.approx(expected.bse[1], rel=1e-6)


def test_the_slope_of_a_model_that_is_too_sure_is_below_one() -> None:
    found = calibration_slope(*rows_with(0.5, 2000, 9))
    assert found is not None
    assert found.interval(0.95).high < 1.0


def test_classes_that_do_not_overlap_have_no_finite_slope() -> None:
    is_positive = np.arange(20) < 10
    assert calibration_slope(is_positive, np.where(is_positive, 0.9, 0.2)) is None
    assert calibration_slope(is_positive, np.where(is_positive, 1.0, 0.0)) is None
    assert calibration_slope(is_positive, np.full(20, 0.5)) is None


def test_certain_rows_on_the_wrong_side_give_a_slope_all_the_same() -> None:
    is_positive, p = rows_with(1.0, 300, 4)
    p[:2], is_positive[:2] = (0.0, 1.0), (True, False)
    found = calibration_slope(is_positive, p)
    assert found is not None
    assert 0.0 < found.value < 1.0


def test_the_calibration_error_is_the_weighted_distance_of_ten_bins() -> None:
    is_positive, p = rows_with(1.0, 500, 7)
    expected = 0.0
    for low in np.arange(BINS) / BINS:
        inside = (p >= low) & (p < low + 1 / BINS)
        if inside.any():
            expected += inside.mean() * abs(p[inside].mean() - is_positive[inside].mean())
    both = np.stack([np.arange(500), np.arange(500)[::-1]])
    assert calibration_errors(is_positive, p, both) == pytest.approx([expected, expected], abs=1e-12)
