from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from vouchml.training.estimators import build_pipeline, fit
from vouchml.training.forms import ExportFailed
from vouchml.training.forms.onnx import OPSETS, export_onnx


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    data: pd.DataFrame = load_breast_cancer(as_frame=True).data
    return data


def fitted(name: str, frame: pd.DataFrame, *, text: bool = False, **parameters: object) -> Any:
    targets = load_breast_cancer(as_frame=True).target.to_numpy()
    if text:
        targets = np.array(["malignant", "benign"], dtype=object)[targets]
    return fit(build_pipeline(name, parameters, random_state=0), frame, targets)[0]


def exported(pipeline: Any) -> onnx.ModelProto:
    model = export_onnx(pipeline, 30)
    assert not isinstance(model, ExportFailed)
    return model


@pytest.mark.parametrize("text", [False, True])
def test_logistic_regression_is_exact_in_float64(frame: pd.DataFrame, text: bool) -> None:
    pipeline = fitted("logistic_regression", frame, text=text)
    session = onnxruntime.InferenceSession(exported(pipeline).SerializeToString())
    assert [(each.name, each.type, each.shape) for each in session.get_inputs()] == [
        ("features", "tensor(double)", [None, 30])
    ]
    assert [(each.name, each.type, each.shape) for each in session.get_outputs()] == [
        ("label", "tensor(string)" if text else "tensor(int64)", [None]),
        ("probabilities", "tensor(double)", [None, 2]),
    ]
    label, probabilities = session.run(None, {"features": frame.to_numpy()})
    assert np.abs(probabilities - pipeline.predict_proba(frame)).max() <= 1e-15
    assert np.array_equal(label, pipeline.predict(frame))


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest"])
def test_two_exports_are_the_same_bytes_with_pinned_versions(name: str, frame: pd.DataFrame) -> None:
    pipeline = fitted(name, frame)
    first, second = exported(pipeline), exported(pipeline)
    assert first.SerializeToString() == second.SerializeToString()
    assert first.ir_version == 10
    domains = [opset.domain for opset in first.opset_import]
    assert domains == sorted(domains)
    for opset in first.opset_import:
        assert opset.version <= OPSETS[opset.domain]
    onnx.checker.check_model(first, full_check=True)


def test_a_failed_export_is_a_value_with_a_short_reason(frame: pd.DataFrame) -> None:
    outcome = export_onnx(fitted("hist_gradient_boosting", frame, max_iter=5), 30)
    assert isinstance(outcome, ExportFailed)
    assert outcome.reason.startswith("skl2onnx cannot convert HistGradientBoostingClassifier: ")
    assert len(outcome.reason) < 300
    assert "\n" not in outcome.reason


def test_a_pipeline_that_was_not_fitted_fails_as_a_value() -> None:
    outcome = export_onnx(build_pipeline("logistic_regression", {}, random_state=0), 30)
    assert isinstance(outcome, ExportFailed)
