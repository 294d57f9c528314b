"""What one row costs: log loss and squared error, as scikit-learn averages them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def log_losses(is_positive: Bools, p: Floats) -> Floats:
    """Minus the logarithm of the probability that each row's own class was given; p within 2^-52 of 0 and 1."""
    epsilon = np.finfo(np.float64).eps
    clipped = np.clip(p, epsilon, 1 - epsilon)
    return np.asarray(-np.log(np.where(is_positive, clipped, 1 - clipped)), dtype=np.float64)


def squared_errors(is_positive: Bools, p: Floats) -> Floats:
    """The squared distance of each probability from 1 or 0; their mean is the Brier score."""
    return np.square(is_positive - p)
