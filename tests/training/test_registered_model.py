"""The registered model loads by every flavor that it claims, and all of them answer as the service does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests.own_copy import own_copy

from vouchml.data import read_table
from vouchml.model import load_scorer, open_bundle
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings

if TYPE_CHECKING:
    from vouchml.training import TrainedVersion

NAME = "breast_cancer_classifier"
TOLERANCE = 1e-12

Matrix = NDArray[np.float64]


@pytest.fixture(scope="module")
def promoted(trained: tuple[Settings, TrainedVersion], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the trained project whose version 1 is in Staging."""
    settings, _ = trained
    copy = own_copy(settings.root, tmp_path_factory.mktemp("promoted") / "a project")
    ModelRegistry.connect(copy.tracking_uri).promote(NAME, "1", stage="Staging", who="a test", why="to be loaded")
    return copy


@pytest.fixture(scope="module")
def at_mlflow(promoted: Settings) -> Iterator[None]:
    """MLflow's module pointed at the store of the project, as users point it."""
    mlflow.set_tracking_uri(promoted.tracking_uri)
    yield
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def frame(promoted: Settings) -> pd.DataFrame:
    table = read_table(promoted.data_path, promoted.data)
    return pd.DataFrame(table.values, columns=list(table.names))


@pytest.fixture(scope="module")
def served(promoted: Settings, frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """What the scorer of the service says of every row, one row at a time as it is asked."""
    registry = ModelRegistry.connect(promoted.tracking_uri)
    folder = tmp_path_factory.mktemp("bundle")
    registry.fetch(registry.version(NAME, "Staging"), folder)
    scorer = load_scorer(open_bundle(folder))
    return np.concatenate([scorer.positive_probability(row[None, :]) for row in frame.to_numpy()])


def by_pyfunc(uri: str, frame: pd.DataFrame) -> Any:
    return np.asarray(mlflow.pyfunc.load_model(uri).predict(frame))[:, 1]


def by_sklearn(uri: str, frame: pd.DataFrame) -> Any:
    return mlflow.sklearn.load_model(uri).predict_proba(frame)[:, 1]


def by_onnx(uri: str, frame: pd.DataFrame) -> Any:
    session = onnxruntime.InferenceSession(mlflow.onnx.load_model(uri).SerializeToString())
    return session.run(["probabilities"], {"features": frame.to_numpy()})[0][:, 1]


@pytest.mark.usefixtures("at_mlflow")
@pytest.mark.parametrize("flavor", [by_pyfunc, by_sklearn, by_onnx])
@pytest.mark.parametrize("uri", [f"models:/{NAME}/1", f"models:/{NAME}/Staging", f"models:/{NAME}@staging"])
def test_each_flavor_by_each_name_gives_the_probabilities_that_are_served(
    frame: pd.DataFrame, served: Matrix, uri: str, flavor: Any
) -> None:
    found = flavor(uri, frame)
    assert found.shape == served.shape == (569,)
    assert np.abs(found - served).max() <= TOLERANCE


@pytest.mark.usefixtures("at_mlflow")
def test_the_signature_names_every_column_in_order_and_both_probabilities(frame: pd.DataFrame) -> None:
    signature = mlflow.models.get_model_info(f"models:/{NAME}/1").signature
    assert signature.inputs.input_names() == list(frame.columns)
    assert {str(kind) for kind in signature.inputs.input_types()} == {"DataType.double"}
    (probabilities,) = signature.outputs.to_dict()
    assert probabilities["tensor-spec"] == {"dtype": "float64", "shape": (-1, 2)}


@pytest.mark.usefixtures("at_mlflow")
def test_the_input_example_is_rows_of_the_table_that_the_model_takes(frame: pd.DataFrame, served: Matrix) -> None:
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    example = model.input_example
    rows = [int(np.flatnonzero((frame == row).all(axis=1))[0]) for _, row in example.iterrows()]
    assert len(set(rows)) == 5
    assert np.abs(np.asarray(model.predict(example))[:, 1] - served[rows]).max() <= TOLERANCE


@pytest.mark.usefixtures("at_mlflow")
def test_a_column_of_another_name_or_type_is_refused_by_the_signature(frame: pd.DataFrame) -> None:
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    with pytest.raises(mlflow.MlflowException, match="mean radius"):
        model.predict(frame.rename(columns={"mean radius": "radius"}))
    with pytest.raises(mlflow.MlflowException):
        model.predict(frame.astype({"mean radius": str}))


@pytest.mark.usefixtures("at_mlflow")
def test_the_files_of_a_version_hold_no_pickle(promoted: Settings, tmp_path: Path) -> None:
    registry = ModelRegistry.connect(promoted.tracking_uri)
    registry.fetch(registry.version(NAME, "1"), tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert {"MLmodel", "model.skops", "model.onnx", "contract.json", "input_example.json"} <= names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]
    assert "cloudpickle" not in (tmp_path / "MLmodel").read_text(encoding="utf-8")
    assert all(not path.read_bytes().startswith(b"\x80") for path in tmp_path.rglob("*") if path.is_file())
