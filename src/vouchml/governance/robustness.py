"""How far the answers of a model move when its input is a little wrong: noise, and values that are missing.

- Noise: each number gets normal noise of 1 % and of 5 % of its standard deviation over the training rows; null stays.
- Missing: one feature after the other is set to its median over the training rows, as somebody would fill it in; a
  category to the most frequent one.

Seeded, on the test rows, with the form of the model that serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.model import Scorer

Matrix = NDArray[np.float64]
Bools = NDArray[np.bool_]

NOISE_LEVELS: Final = (0.01, 0.05)
REPEATS: Final = 10


@dataclass(frozen=True)
class Noise:
    """What noise of `level` standard deviations does: the share of labels that change, and how far p moves."""

    level: float
    labels_changed: float
    mean_change: float
    largest_change: float


@dataclass(frozen=True)
class MissingFeature:
    """What filling in one feature does to the accuracy on the test rows, and to the labels."""

    feature: str
    accuracy_lost: float
    labels_changed: float


@dataclass(frozen=True)
class Robustness:
    """All of it; the features stand in the order of the accuracy that is lost, the most first."""

    noise: tuple[Noise, ...]
    missing: tuple[MissingFeature, ...]

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        return {
            "noise": [asdict(each) for each in self.noise],
            "missing": [asdict(each) for each in self.missing],
            "repeats": REPEATS,
        }


def measure_robustness(
    scorer: Scorer,
    test: Matrix,
    trained_on: Matrix,
    is_positive: Bools,
    *,
    names: Sequence[str],
    threshold: float,
    random_state: int,
    categories: Sequence[int] = (),
) -> Robustness:
    """Measure on `test`, shape (rows, features), with the spread and the medians of `trained_on`.

    The columns at `categories` hold places of categories.
    """
    p = _score(scorer, test)
    labels = p >= threshold
    generator = np.random.default_rng(random_state)
    spread, medians = trained_on.std(axis=0), np.median(trained_on, axis=0)
    for place in np.flatnonzero(np.isnan(medians)).tolist():
        spread[place], medians[place] = np.nanstd(trained_on[:, place]), np.nanmedian(trained_on[:, place])
    for place in categories:
        spread[place], medians[place] = 0.0, _most_frequent(trained_on[:, place])
    noise = []
    for level in NOISE_LEVELS:
        moved = np.stack(
            [_score(scorer, test + generator.normal(0.0, level, test.shape) * spread) for _ in range(REPEATS)]
        )
        noise.append(
            Noise(
                level=level,
                labels_changed=float(((moved >= threshold) != labels).mean()),
                mean_change=float(np.abs(moved - p).mean()),
                largest_change=float(np.abs(moved - p).max()),
            )
        )
    accuracy = float((labels == is_positive).mean())
    missing = []
    for place, name in enumerate(names):
        filled = test.copy()
        filled[:, place] = medians[place]
        now = _score(scorer, filled) >= threshold
        missing.append(
            MissingFeature(
                feature=name,
                accuracy_lost=accuracy - float((now == is_positive).mean()),
                labels_changed=float((now != labels).mean()),
            )
        )
    return Robustness(tuple(noise), tuple(sorted(missing, key=lambda each: -each.accuracy_lost)))


def _most_frequent(places: Matrix) -> float:
    found, counts = np.unique(places[~np.isnan(places)], return_counts=True)
    return float(found[counts.argmax()])


def _score(scorer: Scorer, rows: Matrix) -> Matrix:
    return np.asarray(scorer.positive_probability(np.ascontiguousarray(rows)), dtype=np.float64)
