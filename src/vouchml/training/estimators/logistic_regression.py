"""Logistic regression on standardised columns: small, exact in ONNX, the default."""

from __future__ import annotations

from typing import Any

from vouchml.training.estimators.base import Estimator


def _make() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()


# scikit-learn stops at 100 iterations, which is too few for columns that are nearly collinear.
LOGISTIC_REGRESSION = Estimator(
    name="logistic_regression", make=_make, scaled=True, defaults={"C": 1.0, "max_iter": 1000}
)
