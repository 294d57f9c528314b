"""What every scorer can do."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Scorer(Protocol):
    """A loaded model. Safe to call from several threads at once."""

    def positive_probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of the positive class for each of `rows`, shape (rows, features) → (rows,)."""
        ...

    def positive_probability_of_one(self, row: NDArray[np.float64]) -> float:
        """The probability of the positive class for one contiguous row, shape (features,): the way of one request."""
        ...
