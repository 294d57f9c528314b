"""A random forest: robust with few settings. Served by scikit-learn, its ONNX form is float32."""

from __future__ import annotations

from typing import Any

from vouchml.training.estimators.base import Estimator


def _make() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier()


# With n_jobs unset an outer joblib context could still start threads, which sum the trees in any order.
RANDOM_FOREST = Estimator(name="random_forest", make=_make, scaled=False, fixed={"n_jobs": 1})
