import json
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

from vouchml.training.estimators import build_pipeline, fit
from vouchml.training.forms import ExportFailed, FormName, export_forms
from vouchml.training.parity import Parity, check_parity

Exports = dict[FormName, bytes | ExportFailed]


def forms_of(name: str, frame: pd.DataFrame, targets: NDArray[Any], positive_index: int = 1) -> tuple[Any, Exports]:
    pipeline = fit(build_pipeline(name, {}, random_state=0), frame, targets)[0]
    return pipeline, export_forms(pipeline, frame.to_numpy(), positive_index=positive_index)


def model_of(name: str, frame: pd.DataFrame, targets: NDArray[Any]) -> tuple[Any, bytes | ExportFailed]:
    pipeline, exports = forms_of(name, frame, targets)
    return pipeline, exports["onnx"]


def parities_of(pipeline: Any, exports: Exports, values: NDArray[np.float64], **changes: Any) -> Parity:
    settings: dict[str, Any] = {"positive_index": 1, "threshold": 0.5, "random_state": 42, **changes}
    return check_parity(pipeline, exports, values, **settings)


def parity_of(pipeline: Any, model: bytes | ExportFailed, values: NDArray[np.float64], **changes: Any) -> Parity:
    """The parity of an ONNX model alone."""
    return parities_of(pipeline, {"onnx": model}, values, **changes)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    data: pd.DataFrame = load_breast_cancer(as_frame=True).data
    return data


@pytest.fixture(scope="module")
def targets() -> NDArray[np.int64]:
    target: NDArray[np.int64] = load_breast_cancer(as_frame=True).target.to_numpy()
    return target


@pytest.fixture(scope="module")
def logistic(frame: pd.DataFrame, targets: NDArray[np.int64]) -> tuple[Any, bytes | ExportFailed]:
    return model_of("logistic_regression", frame, targets)


def test_the_onnx_model_of_a_logistic_regression_is_exact(logistic: tuple[Any, bytes], frame: pd.DataFrame) -> None:
    parity = parity_of(*logistic, frame.to_numpy())
    assert parity.passed
    assert parity.scorer == "onnx"
    assert parity.of("onnx").label_flips == 0
    worst = parity.of("onnx").max_abs_difference
    assert worst is not None
    assert worst <= 1e-14
    assert (parity.rows, parity.perturbed_points, parity.edge_points) == (569, 10_000, 10_000)


def test_a_random_forest_is_served_by_scikit_learn_because_float32(
    frame: pd.DataFrame, targets: NDArray[np.int64]
) -> None:
    parity = parities_of(*forms_of("random_forest", frame, targets), frame.to_numpy(), perturbed=2_000)
    assert parity.scorer == "sklearn"
    assert "There is no affine form: RandomForestClassifier is not a linear model." in parity.reason
    assert "float32" in parity.reason
    worst = parity.of("onnx").max_abs_difference
    assert worst is not None
    assert worst > 1e-3
    document = json.loads(json.dumps(parity.to_dict()))
    assert (document["passed"], document["scorer"], document["max_abs_difference"]) == (False, "sklearn", None)
    assert [form["max_abs_difference"] for form in document["forms"]] == [None, worst]


def test_a_failed_export_is_served_by_scikit_learn_with_its_reason(
    frame: pd.DataFrame, targets: NDArray[np.int64]
) -> None:
    parity = parities_of(*forms_of("hist_gradient_boosting", frame, targets), frame.to_numpy())
    assert parity.scorer == "sklearn"
    assert "HistGradientBoostingClassifier is not a linear model" in parity.reason
    assert "skl2onnx cannot convert HistGradientBoostingClassifier" in parity.reason
    assert [form.max_abs_difference for form in parity.forms] == [None, None]
    assert [form.label_flips for form in parity.forms] == [None, None]
    assert (parity.rows, parity.perturbed_points, parity.edge_points) == (0, 0, 0)


def test_a_model_that_onnxruntime_cannot_load_is_served_by_scikit_learn(
    logistic: tuple[Any, bytes], frame: pd.DataFrame
) -> None:
    parity = parity_of(logistic[0], b"not a model", frame.to_numpy())
    assert parity.scorer == "sklearn"
    assert "The ONNX model cannot be loaded" in parity.reason


@pytest.mark.parametrize("positive_index", [0, 1])
def test_the_affine_form_of_a_logistic_regression_is_exact_and_serves(
    positive_index: int, frame: pd.DataFrame, targets: NDArray[np.int64]
) -> None:
    pipeline, exports = forms_of("logistic_regression", frame, targets, positive_index)
    parity = parities_of(pipeline, exports, frame.to_numpy(), positive_index=positive_index)
    assert parity.scorer == "affine"
    assert [(form.scorer, form.passed, form.label_flips) for form in parity.forms] == [
        ("affine", True, 0),
        ("onnx", True, 0),
    ]
    worst = parity.of("affine").max_abs_difference
    assert worst is not None
    assert worst <= 1e-14
    assert parity.reason == parity.of("affine").reason
    assert parity.reason.startswith("The affine form gives scikit-learn's probabilities: the largest difference ")
    document = json.loads(json.dumps(parity.to_dict()))
    assert (document["passed"], document["scorer"], document["label_flips"]) == (True, "affine", 0)
    assert document["max_abs_difference"] == worst


def test_onnx_serves_where_huge_offsets_cancel_in_the_affine_form(
    frame: pd.DataFrame, targets: NDArray[np.int64]
) -> None:
    far = frame.iloc[:, :5] + 1e9
    parity = parities_of(*forms_of("logistic_regression", far, targets), far.to_numpy(), perturbed=2_000)
    affine = parity.of("affine")
    assert not affine.passed
    assert affine.max_abs_difference is not None
    assert 1e-12 < affine.max_abs_difference < 1e-3
    assert affine.reason.startswith("The affine form does not give scikit-learn's probabilities: ")
    assert (parity.scorer, parity.passed, parity.of("onnx").passed) == ("onnx", True, True)
    assert parity.reason == parity.of("onnx").reason


def test_a_form_that_differs_for_one_row_alone_does_not_serve(frame: pd.DataFrame, targets: NDArray[np.int64]) -> None:
    pipeline, exports = forms_of("logistic_regression", frame, targets)
    parity = parities_of(pipeline, {"onnx": with_another_answer_for_one_row(exports["onnx"])}, frame.to_numpy())
    assert not parity.passed
    assert (parity.of("onnx").max_abs_difference_perturbed or 0.0) <= 1e-14
    assert (parity.of("onnx").max_abs_difference_rows or 0.0) > 1e-3


def with_another_answer_for_one_row(model: bytes | ExportFailed) -> bytes:
    """The same model, but a batch of exactly one row is answered with 0.5."""
    assert isinstance(model, bytes)
    helper = onnx.helper
    proto = onnx.load_model_from_string(model)
    graph = proto.graph
    (made,) = [node for node in graph.node if "probabilities" in node.output]
    made.output[list(made.output).index("probabilities")] = "as they were"
    constants = {"one": np.array([1]), "first": np.array([0]), "half": np.array([0.5])}
    graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend(
        [
            helper.make_node("Shape", ["features"], ["shape"]),
            helper.make_node("Gather", ["shape", "first"], ["rows"]),
            helper.make_node("Equal", ["rows", "one"], ["alone"]),
            helper.make_node("Where", ["alone", "half", "as they were"], ["probabilities"]),
        ]
    )
    return bytes(proto.SerializeToString())


def with_a_coefficient_off_by(model: bytes, step: float) -> bytes:
    proto = onnx.load_model_from_string(model)
    for initializer in proto.graph.initializer:
        if initializer.name == "intercept":
            changed = onnx.numpy_helper.to_array(initializer) + np.array([-step, step])
            initializer.CopyFrom(onnx.numpy_helper.from_array(changed, "intercept"))
    return bytes(proto.SerializeToString())


def test_a_difference_of_a_trillionth_is_seen(logistic: tuple[Any, bytes], frame: pd.DataFrame) -> None:
    pipeline, model = logistic
    assert parity_of(pipeline, with_a_coefficient_off_by(model, 0.0), frame.to_numpy()).passed
    assert not parity_of(pipeline, with_a_coefficient_off_by(model, 1e-10), frame.to_numpy()).passed


def test_a_label_that_flips_at_the_threshold_is_counted(logistic: tuple[Any, bytes], frame: pd.DataFrame) -> None:
    pipeline, model = logistic
    flips = parity_of(pipeline, with_a_coefficient_off_by(model, 0.5), frame.to_numpy()).of("onnx").label_flips
    assert flips is not None
    assert flips > 0


class _Step:
    """Stands in for a model that decides at `threshold` on one column."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def predict_proba(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        positive = np.where(values[:, 0] <= self.threshold, 0.25, 0.75)
        return np.column_stack([1 - positive, positive])


def step_model(threshold: float) -> bytes:
    """The same decision in ONNX."""
    helper = onnx.helper
    constants = {"t": [threshold], "low": [0.75, 0.25], "high": [0.25, 0.75]}
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["features"], ["x"], to=onnx.TensorProto.DOUBLE),
            helper.make_node("LessOrEqual", ["x", "t"], ["below"]),
            helper.make_node("Identity", ["below"], ["label"]),
            helper.make_node("Where", ["below", "low", "high"], ["probabilities"]),
        ],
        "step",
        [helper.make_tensor_value_info("features", onnx.TensorProto.DOUBLE, [None, 1])],
        [
            helper.make_tensor_value_info("label", onnx.TensorProto.BOOL, [None, 1]),
            helper.make_tensor_value_info("probabilities", onnx.TensorProto.DOUBLE, [None, 2]),
        ],
        [onnx.numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("between", [False, True])
def test_a_threshold_rounded_to_float32_is_caught_though_every_row_agrees(between: bool) -> None:
    values = np.linspace(0.05, 10.0, 200)[:, None]
    threshold = (values[100, 0] + values[101, 0]) / 2 if between else np.nextafter(values[100, 0], 0)
    rounded = float(np.float32(threshold))
    assert rounded != threshold
    exact = parity_of(_Step(threshold), step_model(threshold), values)
    assert exact.passed
    parity = parity_of(_Step(threshold), step_model(rounded), values)
    assert not parity.passed
    assert parity.of("onnx").max_abs_difference_edges == 0.5


def test_the_same_seed_gives_the_same_result(logistic: tuple[Any, bytes], frame: pd.DataFrame) -> None:
    assert parity_of(*logistic, frame.to_numpy()) == parity_of(*logistic, frame.to_numpy())


@pytest.mark.parametrize("shape", [(40, 1), (60, 200)])
def test_tables_of_other_shapes_and_odd_names_are_compared(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    names = [f'col "{i}", größe 測 [{i}]' for i in range(shape[1])]
    frame = pd.DataFrame(rng.normal(size=shape) * 10.0 ** rng.integers(-9, 9, size=shape[1]), columns=names)
    pipeline, model = model_of(
        "logistic_regression", frame, np.array(["no", "yes"], dtype=object)[np.arange(shape[0]) % 2]
    )
    parity = parity_of(pipeline, model, frame.to_numpy(), perturbed=500)
    assert parity.passed, parity.reason


def test_values_at_the_end_of_float64_neither_warn_nor_fail() -> None:
    values = np.array([[1e308], [-1e308], [1e-310], [0.0], [5.0]])
    parity = parity_of(_Step(1.0), step_model(1.0), values, perturbed=300)
    assert parity.passed
