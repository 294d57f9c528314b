"""Golden rows: rows that a model must answer as scikit-learn answered them at training, before it may serve.

`golden.json` lies among a version's files. Its rows are **rows of the table**, taken from the test split: whoever can
read the model files can read them. `[training] golden_rows` says how many there are; with 0 there are none, and
nothing is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from vouchml.errors import BundleInvalid
from vouchml.model.bundle import Bundle
from vouchml.model.model_file import FileValue, read_model_file
from vouchml.model.scorers.base import Scorer

GOLDEN_FILE: Final = "golden.json"
TOLERANCE: Final = 1e-9

NONE_STORED: Final = "No golden rows were stored at training ([training] golden_rows = 0): no answer was compared."

Matrix = NDArray[np.float64]


class GoldenRows(FileValue):
    """What `golden.json` holds: rows in the order of the contract, and each one's probability of the positive class.

    A category is its place in the contract's list.
    """

    format: Literal["vouchml-golden-v1"] = "vouchml-golden-v1"
    rows: tuple[tuple[float | None, ...], ...]
    probabilities: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...]

    @model_validator(mode="after")
    def _one_probability_a_row(self) -> GoldenRows:
        if len(self.rows) != len(self.probabilities):
            raise ValueError("there must be as many probabilities as rows")
        return self


@dataclass(frozen=True)
class GoldenCheck:
    """What a check of golden rows that passed has seen. `note` is for a person; empty where there is nothing to add."""

    rows: int
    max_abs_difference: float
    note: str = ""


def choose_golden_rows(rows: Matrix, probabilities: Matrix, *, count: int) -> GoldenRows:
    """At most `count` of `rows`, spread evenly over their sorted `probabilities`, lowest and highest included.

    The same rows give the same choice: among equal probabilities the earlier row comes first.
    """
    order = np.argsort(probabilities, kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(np.intp)
    chosen = order[places]
    # JSON has no NaN, which stands for null in a row.
    cells = np.where(np.isnan(rows[chosen]), None, rows[chosen])  # type: ignore[call-overload]
    return GoldenRows(rows=tuple(map(tuple, cells.tolist())), probabilities=tuple(probabilities[chosen].tolist()))


def check_golden_rows(bundle: Bundle, scorer: Scorer) -> GoldenCheck:
    """Compare what `scorer` says of the golden rows of `bundle`, together and one at a time, with scikit-learn's word.

    Raises:
        BundleInvalid: the file is missing or broken, the scorer fails, or a probability differs by more than 1e-9.
    """
    golden = _read(bundle)
    if not golden.rows:
        return GoldenCheck(rows=0, max_abs_difference=0.0, note=NONE_STORED)
    rows, expected = np.array(golden.rows, dtype=np.float64), np.array(golden.probabilities)
    try:
        together = scorer.positive_probability(rows)
        alone = np.array([scorer.positive_probability_of_one(row) for row in rows])
    # Scorers raise what their library raises; whatever it is, this version must not replace one that works.
    except Exception as error:
        raise BundleInvalid("The model fails on its golden rows.", remedy="Train it again.") from error
    off = np.maximum(np.abs(together - expected), np.abs(alone - expected))
    off = np.where(np.isnan(off), np.inf, off)
    if differing := int(np.count_nonzero(off > TOLERANCE)):
        raise BundleInvalid(
            f"The model does not answer {differing} of its {len(rows)} golden rows as it did at training: "
            f"the largest difference is {off.max():.2g} (allowed: {TOLERANCE:.0e}).",
            remedy="Install the library versions that it was trained with, or train it again.",
        )
    return GoldenCheck(rows=len(rows), max_abs_difference=float(off.max()))


def _read(bundle: Bundle) -> GoldenRows:
    missing = BundleInvalid(
        f"The version has no {GOLDEN_FILE}, so nothing says what it must answer.", remedy="Train it again."
    )
    golden = read_model_file(bundle.folder / GOLDEN_FILE, GoldenRows, called="a list of golden rows", missing=missing)
    if any(len(row) != len(bundle.contract.features) for row in golden.rows):
        raise BundleInvalid(f"{GOLDEN_FILE} does not fit the contract.", remedy="Train the version again.")
    return golden
