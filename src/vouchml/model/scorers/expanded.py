"""Score rows that hold categories and nulls with a scorer that takes numbers only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vouchml.model.expansion import Expander
from vouchml.model.scorers.base import Scorer


@dataclass(frozen=True, eq=False)
class ExpandedScorer:
    """Makes the columns of `scorer` out of the rows of the contract first."""

    expander: Expander
    scorer: Scorer

    def positive_probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of the positive class for each of `rows`, shape (rows, features) → (rows,)."""
        return self.scorer.positive_probability(self.expander.expand(rows))

    def positive_probability_of_one(self, row: NDArray[np.float64]) -> float:
        """The probability of the positive class for one row, shape (features,)."""
        return self.scorer.positive_probability_of_one(self.expander.expand(row))
