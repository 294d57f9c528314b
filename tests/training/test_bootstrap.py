from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

from vouchml.training.bootstrap import Interval, intervals, resample_metrics
from vouchml.training.metrics import METRICS, Bools, Floats, point_metrics


def make_scores(seed: int, rows: int) -> tuple[Bools, Floats]:
    generator = np.random.default_rng(seed)
    y_true = np.arange(rows) < 0.6 * rows
    return y_true, np.where(y_true, generator.beta(4, 2, rows), generator.beta(2, 4, rows))


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    y_true, p = make_scores(0, 114)
    first, again, other = (
        intervals(y_true, p, threshold=0.5, resamples=500, random_state=seed) for seed in (42, 42, 43)
    )
    assert first == again
    assert first != other


def test_the_order_of_the_rows_does_not_matter() -> None:
    y_true, p = make_scores(0, 114)
    shuffled = np.random.default_rng(1).permutation(p.size)
    both = (
        intervals(rows, scores, threshold=0.5, resamples=300, random_state=42)
        for rows, scores in ((y_true, p), (y_true[shuffled], p[shuffled]))
    )
    assert next(both) == next(both)


def test_the_size_of_a_chunk_changes_no_bit() -> None:
    y_true, p = make_scores(3, 301)
    whole, pieces = (
        resample_metrics(y_true, p, threshold=0.5, resamples=200, random_state=5, chunk_bytes=size)
        for size in (1 << 26, 100_000)
    )
    for name in METRICS:
        np.testing.assert_array_equal(whole[name], pieces[name])


def test_every_interval_is_ordered_and_holds_the_point_value_of_a_usual_model() -> None:
    y_true, p = make_scores(1, 200)
    points = point_metrics(y_true, p, threshold=0.5)
    found = intervals(y_true, p, threshold=0.5, resamples=2000, random_state=42)
    assert tuple(found) == METRICS
    for name, interval in found.items():
        assert interval.low < points[name] < interval.high


def test_a_higher_level_gives_a_wider_interval() -> None:
    y_true, p = make_scores(1, 200)
    narrow, wide = (
        intervals(y_true, p, threshold=0.5, resamples=1000, random_state=42, level=level)["brier"]
        for level in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_model_without_an_error_has_an_interval_of_no_width() -> None:
    y_true = np.array([True] * 5 + [False] * 5)
    found = intervals(y_true, np.where(y_true, 0.9, 0.1), threshold=0.5, resamples=100, random_state=0)
    assert found["accuracy"] == found["roc_auc"] == Interval(1.0, 1.0)


def test_one_row_of_a_class_is_enough() -> None:
    y_true, p = np.array([True, False, False]), np.array([0.7, 0.8, 0.1])
    assert intervals(y_true, p, threshold=0.5, resamples=50, random_state=0)["recall"] == Interval(1.0, 1.0)


def test_resampled_means_and_spreads_are_those_of_theory() -> None:
    y_true, p = make_scores(2, 400)
    values = resample_metrics(y_true, p, threshold=0.5, resamples=4000, random_state=11)
    recall = float((p[y_true] >= 0.5).mean())
    assert values["recall"].mean() == pytest.approx(recall, abs=0.002)
    assert values["recall"].std() == pytest.approx(np.sqrt(recall * (1 - recall) / y_true.sum()), rel=0.05)


def test_2000_resamples_of_114_rows_take_well_under_2_seconds() -> None:
    y_true, p = make_scores(0, 114)
    start = time.perf_counter()
    intervals(y_true, p, threshold=0.5, resamples=2000, random_state=42)
    assert time.perf_counter() - start < 1.0


def test_memory_stays_under_200_mib_for_200000_rows() -> None:
    y_true, p = make_scores(0, 200_000)
    tracemalloc.start()
    try:
        resample_metrics(y_true, p, threshold=0.5, resamples=5, random_state=42)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200 * 1024**2


def test_intervals_of_95_percent_hold_the_truth_about_95_times_in_100() -> None:
    """Scores from known Beta distributions, so that accuracy, recall, Brier score and ROC AUC are known."""
    generator = np.random.default_rng(2024)
    draws = generator.beta(4, 2, 2_000_000), generator.beta(2, 4, 2_000_000)
    recall = 26 / 32  # P(Beta(4, 2) >= 1/2); by symmetry also the share of right negatives
    brier = 2 * 3 / (6 * 7)  # E[Beta(2, 4)^2]; by symmetry also that of the positives
    truth = {"accuracy": recall, "recall": recall, "brier": brier, "roc_auc": float((draws[0] > draws[1]).mean())}
    held = dict.fromkeys(truth, 0)
    trials = 500
    for trial in range(trials):
        y_true, p = make_scores(1000 + trial, 150)
        found = intervals(y_true, p, threshold=0.5, resamples=500, random_state=trial)
        for name, value in truth.items():
            held[name] += found[name].low <= value <= found[name].high
    assert {name: count for name, count in held.items() if not 0.91 < count / trials < 0.98} == {}
