"""The model as a fitted scikit-learn pipeline, made from its coefficients: a pickle binds both sides to one version."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.serving.programs.exported_model import ExportedModel


def make_pipeline(model: ExportedModel, *, named: bool) -> Pipeline:
    """A pipeline that takes a frame of the named columns (`named`), or else an array in their order."""
    scale = StandardScaler()
    scale.mean_, scale.scale_ = np.array(model.mean), np.array(model.scale)
    scale.var_, scale.n_samples_seen_ = scale.scale_**2, 1
    classify = LogisticRegression()
    classify.coef_, classify.intercept_ = np.array([model.coefficients]), np.array([model.intercept])
    classify.classes_, classify.n_iter_ = np.array(model.classes), np.array([1])
    for step in (scale, classify):
        step.n_features_in_ = len(model.names)
    if named:
        scale.feature_names_in_ = np.array(model.names, dtype=object)
    return Pipeline([("scale", scale), ("classify", classify)])
