"""Every form, the one that is preferred first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vouchml.model import Feature
from vouchml.model.expansion import expansion_of
from vouchml.training.estimators.pipeline import ENCODE
from vouchml.training.forms.affine import AFFINE
from vouchml.training.forms.base import ExportFailed, Form, FormName, Matrix
from vouchml.training.forms.onnx import ONNX

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FORMS: Mapping[FormName, Form] = {"affine": AFFINE, "onnx": ONNX}


def export_forms(
    pipeline: Pipeline, training_rows: Matrix, *, positive_index: int, features: Sequence[Feature] = ()
) -> dict[FormName, bytes | ExportFailed]:
    """Every form of the fitted `pipeline`, or why it has none; `training_rows` are what it was fitted on.

    Of a pipeline that takes categories or nulls, `features` say what a row holds; its forms take such rows.
    Whether a form gives the same probabilities is for `check_parity` to say.
    """
    expansion = None
    if pipeline.steps[0][0] == ENCODE:
        expansion = expansion_of(pipeline[0], features)
        pipeline, training_rows = pipeline[1:], expansion.expander().expand(training_rows)
    return {name: form.export(pipeline, training_rows, positive_index, expansion) for name, form in FORMS.items()}
