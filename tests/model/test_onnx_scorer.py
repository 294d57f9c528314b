"""The ONNX scorer loads a whole graph that fits the contract, and nothing from outside of its bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest

from vouchml.data import read_table
from vouchml.model import Bundle, Contract, load_scorer

if TYPE_CHECKING:
    from vouchml.settings import Settings
    from vouchml.training import TrainedVersion

Refused = Callable[[Path, Contract, str], None]
Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def graph(bundle: Bundle) -> onnx.ModelProto:
    return onnx.load(bundle.folder / "model.onnx")


@pytest.fixture(scope="module")
def contract(bundle: Bundle) -> Contract:
    return bundle.contract.model_copy(update={"scorer": "onnx"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a bundle; the program runs in another one beside it."""
    (tmp_path / "here").mkdir()
    (tmp_path / "bundle").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "bundle"


def write(folder: Path, graph: onnx.ModelProto, change: Change) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(graph)
    change(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def weights(model: Any) -> Any:
    return next(tensor for tensor in model.graph.initializer if tensor.name == "coef")


def weights_from(named: str, file: str) -> Change:
    """Take the weights from a file of their own, as ONNX allows; it is there, and the graph calls it `named`."""

    def change(model: Any) -> None:
        tensor = weights(model)
        Path(file).write_bytes(onnx.numpy_helper.to_array(tensor).tobytes())
        tensor.ClearField("double_data")
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", named

    return change


def another_input(*, columns: int = 30, kind: int = onnx.TensorProto.DOUBLE) -> Change:
    def change(model: Any) -> None:
        taken = model.graph.input[0].type.tensor_type
        taken.elem_type = kind
        taken.shape.dim[1].dim_value = columns

    return change


def a_scalar_output(model: Any) -> None:
    model.graph.output[1].type.tensor_type.shape.ClearField("dim")


DEFECTS: dict[str, Change] = {
    "no node": lambda model: model.graph.ClearField("node"),
    "an operator that there is not": lambda model: setattr(model.graph.node[0], "op_type", "Evil"),
    "an operator of somebody's own": lambda model: setattr(model.graph.node[0], "domain", "evil.example"),
    "operators of a later version": lambda model: setattr(model.opset_import[0], "version", 99),
    "a later format": lambda model: setattr(model, "ir_version", 99),
    "weights of another shape": lambda model: weights(model).ClearField("dims"),
    "one more column": another_input(columns=31),
    "a float32 input": another_input(kind=onnx.TensorProto.FLOAT),
    "an input of another name": lambda model: setattr(model.graph.input[0], "name", "rows"),
    "an output of another name": lambda model: setattr(model.graph.output[1], "name", "scores"),
    "a scalar output": a_scalar_output,
    "weights from the folder that the program runs in": weights_from("weights", "weights"),
    "weights from beside the bundle": weights_from("../weights", "../weights"),
    "weights from anywhere": weights_from("/etc/hostname", "weights"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_graph_that_is_not_whole_or_does_not_fit_is_refused_without_a_word_elsewhere(
    contract: Contract,
    graph: onnx.ModelProto,
    folder: Path,
    refused: Refused,
    capfd: pytest.CaptureFixture[str],
    defect: str,
) -> None:
    write(folder, graph, DEFECTS[defect])
    refused(folder, contract, r"model\.onnx (cannot be loaded|does not take 30 float64 features)")
    assert capfd.readouterr() == ("", "")


def test_weights_in_a_file_of_the_bundle_are_covered_by_its_digest_and_may_be_used(
    contract: Contract,
    graph: onnx.ModelProto,
    bundle: Bundle,
    folder: Path,
    trained: tuple[Settings, TrainedVersion],
) -> None:
    rows = read_table(trained[0].data_path, trained[0].data).values
    write(folder, graph, weights_from("weights", str(folder / "weights")))
    split = load_scorer(Bundle(folder, "0" * 64, contract))
    whole = load_scorer(replace(bundle, contract=contract))
    assert split.positive_probability(rows).tolist() == whole.positive_probability(rows).tolist()


@pytest.mark.parametrize("count", [1, 29, 31])
def test_a_graph_for_another_number_of_features_is_refused(
    contract: Contract, bundle: Bundle, refused: Refused, count: int
) -> None:
    other = contract.model_copy(update={"features": (contract.features * 2)[:count]})
    refused(bundle.folder, other, f"does not take {count} float64 features")


def test_bytes_that_are_no_graph_are_refused_without_a_word_elsewhere(
    contract: Contract,
    graph: onnx.ModelProto,
    folder: Path,
    refused: Refused,
    capfd: pytest.CaptureFixture[str],
) -> None:
    good = graph.SerializeToString()
    not_text = good.replace(b"MatMul", b"Ma\xff\xfful")
    assert not_text != good
    for content in (b"", b"hello", good[:100], good[:-1], not_text, b"{}"):
        (folder / "model.onnx").write_bytes(content)
        refused(folder, contract, r"model\.onnx cannot be loaded")
    assert capfd.readouterr() == ("", "")
