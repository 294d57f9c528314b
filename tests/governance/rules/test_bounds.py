from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, precision_score, recall_score, roc_auc_score
from tests.governance.made_evidence import findings, make_evidence, verdicts

from vouchml.governance.finding import Verdict
from vouchml.governance.rules.bounds import FIGURES
from vouchml.settings import Bound

EVIDENCE = make_evidence()
LABELS = EVIDENCE.probabilities >= 0.5
VALUES = {
    "roc_auc_lower": roc_auc_score(EVIDENCE.is_positive, EVIDENCE.probabilities),
    "accuracy_lower": accuracy_score(EVIDENCE.is_positive, LABELS),
    "recall_lower": recall_score(EVIDENCE.is_positive, LABELS),
    "specificity_lower": recall_score(~EVIDENCE.is_positive, ~LABELS),
    "precision_lower": precision_score(EVIDENCE.is_positive, LABELS),
    "log_loss_upper": log_loss(EVIDENCE.is_positive, EVIDENCE.probabilities),
    "brier_upper": brier_score_loss(EVIDENCE.is_positive, EVIDENCE.probabilities),
}


def test_every_bound_that_the_policy_may_name_has_a_figure() -> None:
    assert set(FIGURES) == set(get_args(Bound))


@pytest.mark.parametrize("bound", VALUES)
def test_the_value_is_that_of_scikit_learn_and_the_interval_decides(bound: str) -> None:
    found = findings("bounds", EVIDENCE, bounds={bound: 0.9})[bound]
    assert found.value == pytest.approx(VALUES[bound], rel=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert found.low < VALUES[bound] < found.high
    within = (found.low + found.high) / 2
    easy, hard = (found.low, found.high + 1e-6) if bound.endswith("lower") else (found.high, found.low - 1e-6)
    for limit, verdict in ((easy, Verdict.PASS), (hard, Verdict.FAIL), (within, Verdict.INCONCLUSIVE)):
        assert verdicts("bounds", EVIDENCE, bounds={bound: limit}) == {bound: verdict}


@pytest.mark.parametrize("bound", ["roc_auc_lower", "accuracy_lower", "recall_lower", "brier_upper", "log_loss_upper"])
def test_more_rows_are_named_where_they_would_decide_and_only_there(bound: str) -> None:
    found = findings("bounds", EVIDENCE, bounds={bound: 0.9})[bound]
    assert found.low is not None
    assert found.high is not None
    undecided = findings("bounds", EVIDENCE, bounds={bound: (found.low + VALUES[bound]) / 2})[bound]
    assert undecided.rows_needed is not None
    assert undecided.rows_needed > len(EVIDENCE.is_positive)
    easy = findings("bounds", EVIDENCE, bounds={bound: found.low if bound.endswith("lower") else found.high})[bound]
    assert easy.rows_needed is None


def test_calibrated_probabilities_keep_their_bounds_and_sharpened_ones_break_them() -> None:
    bounds = {"calibration_error_upper": 0.1, "calibration_slope_lower": 0.5, "calibration_slope_upper": 2.0}
    assert set(verdicts("bounds", EVIDENCE, bounds=bounds).values()) == {Verdict.PASS}
    flat = make_evidence(separation=1.0)
    too_sure = make_evidence(
        separation=1.0, probabilities=1 / (1 + np.exp(-4 * np.log(flat.probabilities / (1 - flat.probabilities))))
    )
    assert verdicts("bounds", too_sure, bounds=bounds) == {
        "calibration_error_upper": Verdict.FAIL,
        "calibration_slope_lower": Verdict.FAIL,
        "calibration_slope_upper": Verdict.PASS,
    }


def test_what_cannot_be_estimated_is_not_decided() -> None:
    perfect = make_evidence(probabilities=np.where(EVIDENCE.is_positive, 0.99, 0.01))
    none_positive = make_evidence(probabilities=np.full(400, 0.2))
    assert verdicts("bounds", perfect, bounds={"calibration_slope_lower": 0.5}) == {
        "calibration_slope_lower": Verdict.INCONCLUSIVE
    }
    assert verdicts("bounds", none_positive, bounds={"precision_lower": 0.5}) == {
        "precision_lower": Verdict.INCONCLUSIVE
    }
    assert verdicts("bounds", EVIDENCE, bounds={"latency_microseconds_upper": 1}) == {
        "latency_microseconds_upper": Verdict.INCONCLUSIVE
    }


@pytest.mark.parametrize("bound", get_args(Bound))
def test_rows_of_one_class_are_judged_without_an_error_and_never_by_their_ranking(bound: Bound) -> None:
    positive = make_evidence(20, is_positive=np.ones(20, dtype=np.bool_), microseconds=np.ones(20))
    verdict = verdicts("bounds", positive, bounds={bound: 0.0})[bound]
    if bound.startswith(("roc_auc", "calibration_slope", "specificity")):
        assert verdict is Verdict.INCONCLUSIVE


def test_latency_is_judged_by_the_median_of_single_answers() -> None:
    timed = make_evidence(microseconds=np.r_[np.linspace(5, 7, 199), 1e6])
    bounds = {"latency_microseconds_upper": 8.0}
    assert verdicts("bounds", timed, bounds=bounds) == {"latency_microseconds_upper": Verdict.PASS}
    bounds = {"latency_microseconds_upper": 4.0}
    assert verdicts("bounds", timed, bounds=bounds) == {"latency_microseconds_upper": Verdict.FAIL}


def test_a_perfect_ranking_of_few_rows_does_not_prove_a_high_auc() -> None:
    few = make_evidence(25, probabilities=np.where(np.arange(25) < 15, 0.9, 0.1))
    found = findings("bounds", few, bounds={"roc_auc_lower": 0.9})["roc_auc_lower"]
    assert found.verdict is Verdict.INCONCLUSIVE
    # 36 disjoint pairs in order would decide, and 36 rows of the smaller class of two fifths are 90 rows.
    assert stats.binomtest(36, 36).proportion_ci(0.95).low >= 0.9 > stats.binomtest(35, 35).proportion_ci(0.95).low
    assert found.rows_needed == 90
