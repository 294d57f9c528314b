"""The figures about noise and filled-in values: what they must be where that is known without measuring."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vouchml.governance.measurements import Measurements, Verdict
from vouchml.governance.robustness import NOISE_LEVELS, Robustness, measure_robustness

Matrix = NDArray[np.float64]


class Step:
    """A scorer that answers with 1 where the feature `place` is positive, else 0; None answers with 0.7 always."""

    def __init__(self, place: int | None) -> None:
        self.place = place

    def positive_probability(self, rows: Matrix) -> Matrix:
        if self.place is None:
            return np.full(len(rows), 0.7)
        return (rows[:, self.place] > 0).astype(np.float64)

    def positive_probability_of_one(self, row: Matrix) -> float:
        return float(self.positive_probability(row[np.newaxis])[0])


def measured(place: int | None, *, seed: int = 1) -> tuple[Robustness, Matrix]:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(2000, 3)) + 0.5
    names = ("a", "b", "c")
    return (
        measure_robustness(Step(place), rows, rows, rows[:, 1] > 0, names=names, threshold=0.5, random_state=seed),
        rows,
    )


def test_a_model_that_looks_at_nothing_is_moved_by_nothing() -> None:
    found, _ = measured(None)
    assert [(each.labels_changed, each.largest_change) for each in found.noise] == [(0.0, 0.0), (0.0, 0.0)]
    assert all(each.accuracy_lost == each.labels_changed == 0.0 for each in found.missing)


def test_noise_changes_the_labels_near_the_edge_and_more_noise_more_of_them() -> None:
    found, rows = measured(1)
    # Noise of standard deviation s turns a label at distance d with probability Phi(-d / s): over a density f at the
    # edge that is 2 f s / sqrt(2 pi) of the rows.
    density = np.exp(-(0.5**2) / 2) / np.sqrt(2 * np.pi)
    for level, noise in zip(NOISE_LEVELS, found.noise, strict=True):
        expected = 2 * density * level * rows[:, 1].std() / np.sqrt(2 * np.pi)
        assert noise.labels_changed == pytest.approx(expected, rel=0.35)
        assert noise.mean_change == pytest.approx(noise.labels_changed)
        assert noise.largest_change == 1.0


def test_the_feature_that_the_model_needs_comes_first_and_costs_what_its_median_gets_wrong() -> None:
    found, rows = measured(1)
    first, *others = found.missing
    assert first.feature == "b"
    assert first.accuracy_lost == pytest.approx(float((rows[:, 1] <= 0).mean()))
    assert all(other.accuracy_lost == 0.0 for other in others)


def test_the_same_seed_gives_the_same_figures_and_another_does_not() -> None:
    assert measured(1)[0] == measured(1)[0]
    assert measured(1)[0].noise != measured(1, seed=2)[0].noise


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        (("passed", "passed"), "PASSED"),
        (("passed", "warned"), "WARNED"),
        (("warned", "failed"), "FAILED"),
    ],
)
def test_the_result_is_that_of_the_worst_test(verdicts: tuple[Verdict, Verdict], result: str) -> None:
    measurements = Measurements(dict(zip(("one", "other"), verdicts, strict=True)))
    assert measurements.result == result
