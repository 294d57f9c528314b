"""Every form, the one that is preferred first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vouchml.training.forms.affine import AFFINE
from vouchml.training.forms.base import ExportFailed, Form, FormName, Matrix
from vouchml.training.forms.onnx import ONNX

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FORMS: Mapping[FormName, Form] = {"affine": AFFINE, "onnx": ONNX}


def export_forms(
    pipeline: Pipeline, training_rows: Matrix, *, positive_index: int
) -> dict[FormName, bytes | ExportFailed]:
    """Every form of the fitted `pipeline`, or why it has none; `training_rows` are what it was fitted on.

    Whether a form gives the same probabilities is for `check_parity` to say.
    """
    return {name: form.export(pipeline, training_rows, positive_index) for name, form in FORMS.items()}
