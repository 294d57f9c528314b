"""Every estimator that `[model] estimator` can name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from vouchml.errors import TrainingRefused
from vouchml.training.estimators.base import Estimator
from vouchml.training.estimators.hist_gradient_boosting import HIST_GRADIENT_BOOSTING
from vouchml.training.estimators.logistic_regression import LOGISTIC_REGRESSION
from vouchml.training.estimators.random_forest import RANDOM_FOREST

ESTIMATORS: Mapping[str, Estimator] = {
    "logistic_regression": LOGISTIC_REGRESSION,
    "hist_gradient_boosting": HIST_GRADIENT_BOOSTING,
    "random_forest": RANDOM_FOREST,
}


def find_estimator(name: str) -> Estimator:
    """The estimator called `name`.

    Raises:
        TrainingRefused: there is none; the message names the nearest and lists all.
    """
    if name in ESTIMATORS:
        return ESTIMATORS[name]
    raise TrainingRefused(
        f"[model] estimator: there is no estimator {name!r}{nearest(name, ESTIMATORS)}.",
        remedy=f"Choose one of: {', '.join(ESTIMATORS)}.",
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for a message, or nothing where no known name is close."""
    by_lower = {key.lower(): key for key in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return f" (did you mean {by_lower[close[0]]!r}?)" if close else ""
