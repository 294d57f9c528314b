"""Fold a logistic regression, and the scaling before it, into coefficients on the raw features.

The folding is done in a hundred decimal digits and rounded once, so that the coefficients are the nearest float64s.
That alone does not make the form exact: where a column's mean is huge beside its spread, the products cancel and
leave an error that scaling first does not have. `check_parity` finds out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from vouchml.model import Scorer
from vouchml.model.expansion import Expansion
from vouchml.model.scorers.affine import AFFINE_FILE, AffineModel, scorer_of
from vouchml.training.forms.base import ExportFailed, Form, Matrix

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_EXACT_ENOUGH = Context(prec=100, Emax=MAX_EMAX, Emin=MIN_EMIN)


def export_affine(
    pipeline: Pipeline, training_rows: Matrix, positive_index: int, expansion: Expansion | None = None
) -> bytes | ExportFailed:
    """The affine form of the fitted `pipeline` as the bytes of `affine.json`, or why there is none."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    *before, classifier = (step for _, step in pipeline.steps)
    if type(classifier) is not LogisticRegression:
        return ExportFailed(f"{type(classifier).__name__} is not a linear model")
    if [type(step) for step in before] not in ([], [StandardScaler]):
        return ExportFailed("what stands before the classifier is not scaling alone")
    if getattr(classifier, "coef_", np.empty(0)).shape != (1, training_rows.shape[1]):
        return ExportFailed("the classifier has not one coefficient a feature")
    means, scales = _scaling(before, training_rows.shape[1])
    coefficients, intercept = _folded(classifier.coef_[0].tolist(), float(classifier.intercept_[0]), means, scales)
    sign = 1.0 if positive_index == 1 else -1.0
    with np.errstate(over="ignore"):
        baseline = training_rows.mean(axis=0).tolist()
    if not all(map(math.isfinite, (*coefficients, intercept, *baseline))):
        return ExportFailed("its coefficients or the means of the features are beyond float64")
    return AffineModel(
        coefficients=tuple(sign * coefficient for coefficient in coefficients),
        intercept=sign * intercept,
        baseline=tuple(baseline),
        expansion=expansion,
    ).to_bytes()


def _scaling(before: Sequence[Any], columns: int) -> tuple[list[float], list[float]]:
    """What is subtracted from each feature, and what it is divided by."""
    if not before:
        return [0.0] * columns, [1.0] * columns
    return before[0].mean_.tolist(), before[0].scale_.tolist()


def _folded(
    coefficients: list[float], intercept: float, means: list[float], scales: list[float]
) -> tuple[list[float], float]:
    """`coefficients` and `intercept` of scaled features, made those of the raw ones."""
    with localcontext(_EXACT_ENOUGH):
        slopes = [Decimal(slope) / Decimal(scale) for slope, scale in zip(coefficients, scales, strict=True)]
        shift = sum((slope * Decimal(mean) for slope, mean in zip(slopes, means, strict=True)), Decimal())
        return [float(slope) for slope in slopes], float(Decimal(intercept) - shift)


def _load(content: bytes, _: int) -> Scorer:
    return scorer_of(AffineModel.model_validate_json(content))


AFFINE = Form(scorer="affine", title="affine form", file=AFFINE_FILE, export=export_affine, load=_load)
