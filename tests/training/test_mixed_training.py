"""A training on categories and gaps: what MLflow loads, what the manifest says, and that it can be run again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from tests.mixed_tables import FEATURES, make_project, mixed_frame, raw_features

from vouchml.data import read_table, split_rows
from vouchml.errors import TableInvalid
from vouchml.model import Bundle, load_scorer, open_bundle
from vouchml.model.golden import check_golden_rows
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings, load_settings
from vouchml.training import TrainedVersion, train
from vouchml.training.recorded_run import read_manifest
from vouchml.training.rerun import run_again

TOLERANCE = 1e-12


@dataclass(frozen=True)
class Mixed:
    """A version of a logistic regression on the mixed table, and the rows of that table."""

    settings: Settings
    trained: TrainedVersion
    bundle: Bundle
    frame: pd.DataFrame


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mixed]:
    """Trained once; MLflow's module points at it meanwhile."""
    folder: Path = tmp_path_factory.mktemp("mixed")
    settings = load_settings(make_project(folder))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
        environment.setenv("MLFLOW_REGISTRY_URI", settings.tracking_uri)
        trained = train(settings)
        assert trained.version is not None
        files = folder / "version"
        files.mkdir()
        ModelRegistry.connect(settings.tracking_uri).fetch(trained.version, files)
        yield Mixed(settings, trained, open_bundle(files), raw_features(mixed_frame()))


def served(mixed: Mixed) -> Any:
    """The probabilities of both classes, as the service's scorer gives them for the encoded rows."""
    rows = read_table(mixed.settings.data_path, mixed.settings.data).values
    positive = load_scorer(mixed.bundle).positive_probability(rows)
    return np.column_stack([positive, 1.0 - positive])


def test_the_affine_form_serves_and_every_form_is_exact(mixed: Mixed) -> None:
    parity = mixed.trained.parity
    assert parity.scorer == "affine"
    assert [(form.scorer, form.passed) for form in parity.forms] == [("affine", True), ("onnx", True)]
    assert (parity.perturbed_points, parity.edge_points) == (10_000, 10_000)
    assert mixed.trained.warnings == ()


def test_mlflow_loads_a_model_of_the_raw_table_with_its_signature(mixed: Mixed) -> None:
    uri = str(mixed.bundle.folder)
    by_pyfunc = mlflow.pyfunc.load_model(uri)
    by_sklearn = mlflow.sklearn.load_model(uri)
    assert np.abs(by_pyfunc.predict(mixed.frame) - served(mixed)).max() <= TOLERANCE
    assert np.abs(by_sklearn.predict_proba(mixed.frame) - served(mixed)).max() <= TOLERANCE
    assert [(each.name, each.type.name, each.required) for each in by_pyfunc.metadata.get_input_schema().inputs] == [
        ("dose", "double", True),
        ("age", "double", False),
        ("sex", "string", True),
        ("region", "string", False),
        ("weight", "double", True),
        ("ward", "string", True),
    ]


def test_mlflows_model_refuses_a_category_that_it_does_not_know(mixed: Mixed) -> None:
    model = mlflow.pyfunc.load_model(str(mixed.bundle.folder))
    with pytest.raises(ValueError, match="unknown categories"):
        model.predict(mixed.frame.assign(sex="other"))


def test_the_input_example_is_taken_by_the_model(mixed: Mixed) -> None:
    model = mlflow.pyfunc.load_model(str(mixed.bundle.folder))
    example = model.input_example
    assert list(example.columns) == list(FEATURES)
    assert model.predict(example).shape == (5, 2)


def test_the_onnx_model_takes_the_encoded_rows(mixed: Mixed) -> None:
    session = onnxruntime.InferenceSession(mlflow.onnx.load_model(str(mixed.bundle.folder)).SerializeToString())
    rows = read_table(mixed.settings.data_path, mixed.settings.data).values
    assert [(each.name, each.type, each.shape) for each in session.get_inputs()] == [
        ("features", "tensor(double)", [None, len(FEATURES)])
    ]
    found = session.run(["probabilities"], {"features": rows})[0]
    assert np.abs(found - served(mixed)).max() <= TOLERANCE


def test_the_golden_rows_have_nulls_and_are_answered(mixed: Mixed) -> None:
    golden = json.loads((mixed.bundle.folder / "golden.json").read_bytes())
    assert any(cell is None for row in golden["rows"] for cell in row)
    check = check_golden_rows(mixed.bundle, load_scorer(mixed.bundle))
    assert check.rows == 32
    assert check.max_abs_difference <= TOLERANCE


def test_the_manifest_describes_every_column(mixed: Mixed) -> None:
    ranges = {column["name"]: column for column in mixed.trained.manifest["data"]["ranges"]}
    assert list(ranges) == list(FEATURES)
    assert ranges["sex"] == {"name": "sex", "distinct": 2, "categories": ("female", "male")}
    assert ranges["age"]["missing"] == int(mixed.frame["age"].isna().sum())
    assert "minimum" not in ranges["region"]


def test_a_training_on_categories_and_gaps_comes_out_the_same_again(mixed: Mixed, tmp_path: Path) -> None:
    file = tmp_path / "run_manifest.json"
    client = mlflow.MlflowClient(mixed.settings.tracking_uri)
    client.download_artifacts(mixed.trained.run_id, file.name, str(tmp_path))
    again = run_again(read_manifest(file, root=mixed.settings.root, base=mixed.settings), register=False)
    assert again.differences == ()


def test_a_category_of_test_rows_only_stops_the_training_before_anything_is_logged(tmp_path: Path) -> None:
    settings = load_settings(make_project(tmp_path))
    table = read_table(settings.data_path, settings.data)
    training = settings.training
    split = split_rows(table, test_size=training.test_size, random_state=training.random_state)
    frame = mixed_frame()
    frame.loc[int(split.test[0]), "sex"] = "other"
    frame.to_csv(settings.data_path, index=False)
    with pytest.raises(TableInvalid, match="column 'sex' has 1 test row of categories in no training row: 'other'"):
        train(settings)
    assert not (tmp_path / "mlflow.db").exists()
