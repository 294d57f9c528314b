"""Histogram gradient boosting: for many rows and for effects that are not linear. Served by scikit-learn."""

from __future__ import annotations

from typing import Any

from vouchml.training.estimators.base import Estimator


def _make() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier()


HIST_GRADIENT_BOOSTING = Estimator(
    name="hist_gradient_boosting",
    make=_make,
    scaled=False,
    # Measured with skops 0.16: saving a model that holds a scorer recurses without end, and loading one with
    # categories needs `functools.partial` to be trusted, which is as much as trusting a pickle.
    withheld={
        "scoring": "the model file cannot hold a scorer; early stopping watches the loss",
        "categorical_features": "[data] categorical names them, and the model file cannot hold its encoder safely",
    },
)
