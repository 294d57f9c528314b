"""Explain one answer: what each feature contributes to the score, from a base value on.

For a linear model the contributions are exact: `coefficient x (value - mean in training)`, and together with the base
value they are the log-odds. For trees they are Shapley values as the package `shap` computes them from the trees
alone, of the log-odds for gradient boosting and of the probability for a forest, which averages probabilities.
A category, or a number that may be null, contributes the sum over the columns that the model makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import ExplanationUnavailable
from vouchml.model.contract import Contract
from vouchml.model.scorers import AffineScorer, ExpandedScorer, Scorer, SklearnScorer

Unit = Literal["log-odds", "probability"]
Vector = NDArray[np.float64]

TOLERANCE: Final = 1e-9
TREE_UNITS: Final[Mapping[str, Unit]] = {"hist_gradient_boosting": "log-odds", "random_forest": "probability"}


@dataclass(frozen=True)
class Explanation:
    """Why a row has its score: `base_value` and all `contributions` add up to `score`, within 1e-9 of its size or of 1.

    All of them are in `unit`, about the positive class. `contributions` are by feature, in the order of the contract.
    """

    unit: Unit
    base_value: float
    score: float
    contributions: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """As JSON for the service."""
        return {
            "unit": self.unit,
            "base_value": self.base_value,
            "score": self.score,
            "contributions": dict(self.contributions),
        }


def explain(scorer: Scorer, contract: Contract, row: Vector) -> Explanation:
    """Explain the score that `scorer` gives `row`, shape (features,).

    A linear model takes microseconds; trees take milliseconds, and the first of them the import of `shap`.

    Raises:
        ExplanationUnavailable: this kind of model has no exact explanation here, `shap` is needed and not installed,
            or the contributions do not add up to the score.
    """
    expander = None
    if isinstance(scorer, ExpandedScorer):
        expander = scorer.expander
        scorer, row = scorer.scorer, expander.expand(row)
    match scorer:
        case AffineScorer():
            unit: Unit = "log-odds"
            base, contributions, score = _of_affine_form(scorer, row)
        case SklearnScorer() if contract.estimator in TREE_UNITS:
            unit = TREE_UNITS[contract.estimator]
            base, contributions, score = _of_trees(scorer, unit, row)
        case _:
            raise ExplanationUnavailable(
                "The model that is serving has no form that can be explained exactly.",
                remedy="Ask without an explanation. The parity.json of its run says which forms it has, and why.",
            )
    if expander is not None:
        contributions = expander.gathered(np.array(contributions), len(contract.features)).tolist()
    difference = abs(base + sum(contributions) - score)
    # Divided and not multiplied: where both are infinite there is no number, and that is not within any tolerance.
    if not difference / max(1.0, abs(score)) <= TOLERANCE:
        raise ExplanationUnavailable(
            "The contributions do not add up to the score of this row, so they would explain nothing.",
            remedy="Ask without an explanation; values far outside the ranges of training can be the cause.",
        )
    return Explanation(unit, base, score, dict(zip(contract.feature_names, contributions, strict=True)))


def _of_affine_form(scorer: AffineScorer, row: Vector) -> tuple[float, list[float], float]:
    with np.errstate(over="ignore", invalid="ignore"):
        contributions = scorer.coefficients * (row - scorer.baseline)
    base, score = scorer.log_odds(np.stack((scorer.baseline, row))).tolist()
    return base, contributions.tolist(), score


def _of_trees(scorer: SklearnScorer, unit: Unit, row: Vector) -> tuple[float, list[float], float]:
    try:
        explainer = scorer.tree_explainer
    except ImportError as error:
        raise ExplanationUnavailable(
            f"Explanations of this model need the package {error.name}, which is not installed with this service.",
            remedy="pip install 'vouchml[explain]'",
        ) from error
    rows = row[np.newaxis]
    # What does not add up is refused by the caller; shap's own check would print the row.
    values, base = explainer.shap_values(rows, check_additivity=False)[0], np.atleast_1d(explainer.expected_value)
    if unit == "probability":
        positive = scorer.positive_index
        return float(base[positive]), values[:, positive].tolist(), scorer.positive_probability_of_one(row)
    sign = 1.0 if scorer.positive_index == 1 else -1.0
    return sign * float(base[0]), (sign * values).tolist(), sign * float(scorer.pipeline.decision_function(rows)[0])
