from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from vouchml.governance.statistics.delong import area, area_difference

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def table_of_sixty_rows() -> tuple[Bools, Floats, Floats]:
    """Made by a formula, with ties within and between the classes."""
    rows = np.arange(60, dtype=np.float64)
    is_positive = rows * 7 % 10 < 6
    first = np.round(rows * 37 % 101 / 10 + 3 * is_positive)
    second = np.round(rows * 53 % 97 / 10 + 2 * is_positive)
    return is_positive, first.astype(np.float64), second.astype(np.float64)


def structural_components(is_positive: Bools, scores: Floats) -> tuple[Floats, Floats]:
    """DeLong's V10 and V01 as the paper defines them: every positive against every negative."""
    x, y = scores[is_positive][:, np.newaxis], scores[~is_positive][np.newaxis]
    wins = (x > y) + 0.5 * (x == y)
    return wins.mean(axis=1), wins.mean(axis=0)


def variance_by_definition(is_positive: Bools, first: Floats, second: Floats) -> float:
    ours, theirs = structural_components(is_positive, first), structural_components(is_positive, second)
    of_positives, of_negatives = (np.cov(a, b) for a, b in zip(ours, theirs, strict=True))
    contrast = np.array([1.0, -1.0])
    covariance = of_positives / is_positive.sum() + of_negatives / (~is_positive).sum()
    return float(contrast @ covariance @ contrast)


def test_the_figures_are_those_of_r_proc() -> None:
    # pROC 1.18.0 on R 4.2.2: roc(y, s, direction = "<"), var(), roc.test(paired = TRUE, method = "delong").
    is_positive, first, second = table_of_sixty_rows()
    difference = area_difference(is_positive, first, second)
    assert difference.first.value == pytest.approx(0.74247685185185186, rel=1e-12)
    assert difference.second.value == pytest.approx(0.67071759259259256, rel=1e-12)
    assert difference.first.variance == pytest.approx(0.0040284915056893224, rel=1e-10)
    assert difference.second.variance == pytest.approx(0.0048676817678113462, rel=1e-10)
    assert difference.value / difference.variance**0.5 == pytest.approx(0.80102958872090435, rel=1e-10)
    assert difference.ends(1.959963984540054) == pytest.approx((-0.10382172512111212, 0.24734024363963050), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(6, 80), steps=st.sampled_from([3, 10, 10_000]))
def test_variance_and_difference_are_those_of_the_definition_with_ties_and_without(
    seed: int, rows: int, steps: int
) -> None:
    generator = np.random.default_rng(seed)
    is_positive = generator.permutation(np.arange(rows) < max(2, rows // 3))
    first, second = (np.floor(generator.random(rows) * steps) + is_positive for _ in range(2))
    difference = area_difference(is_positive, first, second)
    assert difference.first.value == pytest.approx(roc_auc_score(is_positive, first), abs=1e-12)
    assert difference.variance == pytest.approx(variance_by_definition(is_positive, first, second), abs=1e-12)
    alone = area(is_positive, second)
    assert alone.value == pytest.approx(difference.second.value, abs=1e-14)
    assert alone.variance == pytest.approx(difference.second.variance, abs=1e-14)


def test_equal_scores_and_scores_in_the_same_order_differ_by_nothing() -> None:
    is_positive, first, _ = table_of_sixty_rows()
    for other in (first, np.exp(first)):
        difference = area_difference(is_positive, first, other)
        assert (difference.value, difference.variance) == (0.0, 0.0)
        assert difference.ends(1.96) == (0.0, 0.0)
        assert difference.p_inferior(0.01) == 0.0
        assert difference.p_inferior(0.0) == 1.0


def test_the_p_value_and_the_interval_decide_alike() -> None:
    is_positive, first, second = table_of_sixty_rows()
    difference = area_difference(is_positive, second, first)
    low, _ = difference.ends(1.959963984540054)
    assert difference.p_inferior(-low) == pytest.approx(0.025, abs=1e-9)
    assert difference.p_inferior(-low + 0.01) < 0.025 < difference.p_inferior(-low - 0.01)


def test_a_class_of_one_row_has_an_area_and_no_spread_of_its_own() -> None:
    found = area(np.array([True, False, False, False]), np.array([0.5, 0.1, 0.2, 0.9]))
    assert found.value == pytest.approx(2 / 3)
    assert (found.positives, found.negatives) == (1, 3)
