from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from vouchml.errors import TableInvalid, TrainingRefused
from vouchml.training.metrics import METRICS, Bools, Floats, WeightedMetrics, label_positive, point_metrics

THRESHOLDS = (0.0, 0.3, 0.5, 1.0)


def make_scores(seed: int, *, rows: int = 80, ties: bool) -> tuple[Bools, Floats]:
    generator = np.random.default_rng(seed)
    y_true = generator.random(rows) < 0.4
    y_true[:2] = (True, False)
    p = np.clip(generator.normal(0.45 + 0.2 * y_true, 0.3), 0, 1)
    return y_true, np.round(p, 1) if ties else p


def by_scikit_learn(y_true: Bools, p: Floats, threshold: float, weights: Floats | None = None) -> dict[str, float]:
    labels = p >= threshold
    return {
        "accuracy": sk.accuracy_score(y_true, labels, sample_weight=weights),
        "precision": sk.precision_score(y_true, labels, sample_weight=weights, zero_division=0),
        "recall": sk.recall_score(y_true, labels, sample_weight=weights, zero_division=0),
        "f1": sk.f1_score(y_true, labels, sample_weight=weights, zero_division=0),
        "roc_auc": sk.roc_auc_score(y_true, p, sample_weight=weights),
        "average_precision": sk.average_precision_score(y_true, p, sample_weight=weights),
        "log_loss": sk.log_loss(y_true, p, sample_weight=weights),
        "brier": sk.brier_score_loss(y_true, p, sample_weight=weights),
    }


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_weighted_metrics_are_scikit_learns_with_sample_weight(seed: int, ties: bool, threshold: float) -> None:
    y_true, p = make_scores(seed, ties=ties)
    generator = np.random.default_rng(seed + 100)
    for weights in (generator.integers(0, 4, size=(6, p.size)).astype(float), generator.random((6, p.size)) + 0.01):
        weights[:, :2] = 1  # every class keeps some weight
        order = np.argsort(p, kind="stable")
        positive, negative = order[y_true[order]], order[~y_true[order]]
        scored = WeightedMetrics.of(y_true, p, threshold=threshold)
        found = scored.compute(weights[:, positive], weights[:, negative])
        for row, weight in enumerate(weights):
            expected = by_scikit_learn(y_true, p, threshold, weight)
            assert {name: found[name][row] for name in METRICS} == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("ties", [False, True])
def test_point_metrics_and_weighted_metrics_of_weight_one_agree(ties: bool, threshold: float) -> None:
    y_true, p = make_scores(7, ties=ties)
    scored = WeightedMetrics.of(y_true, p, threshold=threshold)
    found = scored.compute(np.ones((1, scored.positives.size)), np.ones((1, scored.negatives.size)))
    points = point_metrics(y_true, p, threshold=threshold)
    assert tuple(points) == METRICS
    assert points == pytest.approx(by_scikit_learn(y_true, p, threshold), rel=0, abs=1e-12)
    assert {name: found[name][0] for name in METRICS} == pytest.approx(points, rel=0, abs=1e-12)


def test_certain_and_wrong_probabilities_have_a_finite_log_loss() -> None:
    y_true, p = np.array([True, True, False]), np.array([0.0, 1.0, 1.0])
    found = WeightedMetrics.of(y_true, p, threshold=0.5).compute(np.ones((1, 2)), np.ones((1, 1)))
    assert found["log_loss"][0] == pytest.approx(sk.log_loss(y_true, p), rel=1e-12)
    assert np.isfinite(found["log_loss"]).all()


def test_a_probability_at_the_threshold_is_labelled_positive() -> None:
    assert label_positive(np.array([0.4999, 0.5, 0.5001]), threshold=0.5).tolist() == [False, True, True]


def test_without_a_positive_label_precision_and_f1_are_zero() -> None:
    points = point_metrics(np.array([True, False]), np.array([0.2, 0.1]), threshold=0.9)
    assert (points["precision"], points["recall"], points["f1"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("only", [True, False])
def test_rows_of_one_class_are_refused(only: bool) -> None:
    with pytest.raises(TableInvalid, match="one class only"):
        point_metrics(np.array([only, only]), np.array([0.2, 0.1]), threshold=0.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, 1.1])
def test_a_score_that_is_no_probability_is_refused(bad: float) -> None:
    with pytest.raises(TrainingRefused, match="1 of 2 rows"):
        WeightedMetrics.of(np.array([True, False]), np.array([0.2, bad]), threshold=0.5)


def test_another_number_of_scores_than_rows_is_refused() -> None:
    with pytest.raises(TrainingRefused, match=r"\(3,\) probabilities for \(2,\) rows"):
        point_metrics(np.array([True, False]), np.array([0.2, 0.1, 0.3]), threshold=0.5)
