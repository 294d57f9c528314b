"""Score a linear model by one affine form: a sum of products, and one exponential.

`affine.json` holds the log-odds of the positive class as coefficients on the raw features and an intercept, scaling
folded in. It is the fastest form of a model, and serves where parity with scikit-learn was shown at training.
Where a feature is a category or may be null, the coefficients are on columns that are made of the features, and the
file says how (`expansion`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from vouchml.errors import BundleInvalid
from vouchml.model.bundle import Bundle
from vouchml.model.contract import Contract
from vouchml.model.expansion import Expansion
from vouchml.model.model_file import FileValue, read_model_file
from vouchml.model.scorers.expanded import ExpandedScorer

AFFINE_FILE: Final = "affine.json"

# Features and coefficients are each divided by 2^530: then no product passes 2^988, and no sum of 2^35 of them 2^1023.
_SHRINK: Final = -530


class AffineModel(FileValue):
    """What `affine.json` holds, by feature in the order of the contract or, where it has one, by column of `expansion`.

    `baseline` is the mean of each over the training rows: what an explanation measures from.
    """

    format: Literal["vouchml-affine-v1"] = "vouchml-affine-v1"
    coefficients: tuple[float, ...] = Field(min_length=1)
    intercept: float
    baseline: tuple[float, ...]
    expansion: Expansion | None = None

    @model_validator(mode="after")
    def _one_baseline_a_coefficient(self) -> AffineModel:
        if len(self.baseline) != len(self.coefficients):
            raise ValueError("there must be as many baselines as coefficients")
        if self.expansion is not None and len(self.expansion.columns) != len(self.coefficients):
            raise ValueError("there must be as many columns as coefficients")
        return self

    def fits(self, contract: Contract) -> bool:
        """Whether the form takes the features of `contract`."""
        if self.expansion is not None:
            return self.expansion.fits(contract.features)
        return contract.is_plain and len(self.coefficients) == len(contract.features)


@dataclass(frozen=True, eq=False, slots=True)
class AffineScorer:
    """Coefficients, an intercept and a baseline, in float64.

    A row has the same probability, to the last bit, whether it is scored alone or among others: numpy has one routine
    for `vdot` and for each row of `vecdot`, and computes `exp` element by element. (`rows @ coefficients` adds in
    another order; `dot` adds in this one, and warns of an overflow.)
    """

    coefficients: NDArray[np.float64]
    intercept: float
    baseline: NDArray[np.float64]

    @classmethod
    def load(cls, bundle: Bundle) -> AffineScorer | ExpandedScorer:
        """Load `affine.json`.

        Raises:
            BundleInvalid: the file is missing, broken or has another number of coefficients than the contract features.
        """
        missing = BundleInvalid(
            f"The contract says scorer = affine, but the version has no {AFFINE_FILE}.", remedy="Train it again."
        )
        model = read_model_file(bundle.folder / AFFINE_FILE, AffineModel, called="an affine form", missing=missing)
        if not model.fits(bundle.contract):
            raise BundleInvalid(
                f"{AFFINE_FILE} does not take {len(bundle.contract.features)} features, as the contract says.",
                remedy="Train the version again.",
            )
        return scorer_of(model)

    @classmethod
    def of(cls, model: AffineModel) -> AffineScorer:
        """The scorer of what the coefficients of `model` are on."""
        return cls(np.array(model.coefficients), model.intercept, np.array(model.baseline))

    def positive_probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of the positive class for each of `rows`, shape (rows, features) → (rows,)."""
        log_odds = self.log_odds(rows)
        odds_against = np.exp(-np.abs(log_odds))
        return np.where(log_odds >= 0.0, 1.0, odds_against) / (1.0 + odds_against)

    def positive_probability_of_one(self, row: NDArray[np.float64]) -> float:
        """The probability of the positive class for one contiguous row, shape (features,)."""
        log_odds = float(np.vdot(row, self.coefficients)) + self.intercept
        if not math.isfinite(log_odds):
            log_odds = float(self._log_odds_of_huge(row[np.newaxis])[0])
        odds_against = float(np.exp(-abs(log_odds)))
        return (1.0 if log_odds >= 0.0 else odds_against) / (1.0 + odds_against)

    def log_odds(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log-odds of the positive class for each of `rows`, shape (rows, features) → (rows,).

        Infinite where they are beyond float64, never NaN.
        """
        contiguous: NDArray[np.float64] = np.ascontiguousarray(rows)
        with np.errstate(over="ignore", invalid="ignore"):
            log_odds: NDArray[np.float64] = np.vecdot(contiguous, self.coefficients) + self.intercept
        huge = ~np.isfinite(log_odds)
        if huge.any():
            log_odds[huge] = self._log_odds_of_huge(contiguous[huge])
        return log_odds

    def _log_odds_of_huge(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log-odds of rows whose sum leaves float64 on the way, where infinity minus infinity is no number."""
        shrunk: NDArray[np.float64] = np.vecdot(np.ldexp(rows, _SHRINK), np.ldexp(self.coefficients, _SHRINK))
        with np.errstate(over="ignore"):
            log_odds: NDArray[np.float64] = np.ldexp(shrunk, -2 * _SHRINK) + self.intercept
        return log_odds


def scorer_of(model: AffineModel) -> AffineScorer | ExpandedScorer:
    """The scorer of rows as the contract has them."""
    scorer = AffineScorer.of(model)
    return scorer if model.expansion is None else ExpandedScorer(model.expansion.expander(), scorer)
