import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from vouchml.model.scorers.affine import AffineModel
from vouchml.training.estimators import build_pipeline
from vouchml.training.forms import ExportFailed
from vouchml.training.forms.affine import export_affine

RNG = np.random.default_rng(5)
ROWS: NDArray[np.float64] = RNG.normal(size=(300, 6)) * 10.0 ** np.array([-9, -3, 0, 2, 6, 12]) + 3.0
TARGETS = (ROWS[:, 2] + RNG.normal(size=300) > 3.0).astype(np.int64)


def fitted(*steps: tuple[str, Any]) -> Pipeline:
    return Pipeline([*steps, ("classify", LogisticRegression())]).fit(ROWS, TARGETS)


def exported(pipeline: Pipeline, positive_index: int = 1) -> AffineModel:
    content = export_affine(pipeline, ROWS, positive_index)
    assert isinstance(content, bytes)
    return AffineModel.model_validate_json(content)


def test_the_coefficients_are_the_nearest_numbers_to_the_exact_ones() -> None:
    pipeline = fitted(("scale", StandardScaler()))
    scaler, classifier = pipeline[0], pipeline[1]
    slopes = [
        Fraction(slope) / Fraction(scale)
        for slope, scale in zip(classifier.coef_[0].tolist(), scaler.scale_.tolist(), strict=True)
    ]
    shift = sum(slope * Fraction(mean) for slope, mean in zip(slopes, scaler.mean_.tolist(), strict=True))
    model = exported(pipeline)
    assert model.coefficients == tuple(float(slope) for slope in slopes)
    assert model.intercept == float(Fraction(classifier.intercept_.item()) - shift)


def test_without_scaling_the_coefficients_are_the_classifier_s_own() -> None:
    pipeline = fitted()
    model = exported(pipeline)
    assert model.coefficients == tuple(pipeline[-1].coef_[0])
    assert model.intercept == pipeline[-1].intercept_[0]


def test_the_baseline_is_the_mean_of_the_rows_that_were_fitted_on() -> None:
    model = exported(fitted(("scale", StandardScaler())))
    assert np.allclose(model.baseline, ROWS.mean(axis=0), rtol=1e-14)


def test_the_other_class_has_the_opposite_log_odds() -> None:
    pipeline = fitted(("scale", StandardScaler()))
    one, zero = exported(pipeline, 1), exported(pipeline, 0)
    assert zero.coefficients == tuple(-coefficient for coefficient in one.coefficients)
    assert (zero.intercept, zero.baseline) == (-one.intercept, one.baseline)


def test_two_exports_are_the_same_canonical_bytes() -> None:
    pipeline = fitted(("scale", StandardScaler()))
    content = export_affine(pipeline, ROWS, 1)
    assert content == export_affine(pipeline, ROWS, 1)
    assert isinstance(content, bytes)
    assert list(json.loads(content)) == ["baseline", "coefficients", "format", "intercept"]


def beyond_float64() -> Pipeline:
    pipeline = fitted(("scale", StandardScaler()))
    pipeline[0].scale_[:] = 1e-308
    pipeline[1].coef_[:] = 1e10
    return pipeline


WITHOUT: dict[str, tuple[Any, str]] = {
    "another classifier": (
        lambda: build_pipeline("random_forest", {}, random_state=0),
        "RandomForestClassifier is not a linear model",
    ),
    "another step": (
        lambda: fitted(("square", PolynomialFeatures())),
        "what stands before the classifier is not scaling alone",
    ),
    "two steps": (
        lambda: fitted(("one", StandardScaler()), ("two", StandardScaler())),
        "what stands before the classifier is not scaling alone",
    ),
    "not fitted": (
        lambda: build_pipeline("logistic_regression", {}, random_state=0),
        "the classifier has not one coefficient a feature",
    ),
    "beyond float64": (beyond_float64, "its coefficients or the means of the features are beyond float64"),
}


@pytest.mark.parametrize("what", WITHOUT)
def test_a_pipeline_without_an_affine_form_is_a_value_with_a_reason(what: str) -> None:
    make, reason = WITHOUT[what]
    assert export_affine(make(), ROWS, 1) == ExportFailed(reason)


def test_two_thousand_columns_are_folded_too() -> None:
    rows = RNG.normal(size=(50, 2_000))
    pipeline = Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression())])
    pipeline.fit(rows, np.arange(50) % 2)
    content = export_affine(pipeline, rows, 1)
    assert isinstance(content, bytes)
    model = AffineModel.model_validate_json(content)
    log_odds = rows @ np.array(model.coefficients) + model.intercept
    assert np.allclose(log_odds, pipeline.decision_function(rows), atol=1e-12)
