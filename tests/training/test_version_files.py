"""The files of a version of the shipped project: its forms, its golden rows, and what loads them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests.own_copy import own_copy

from vouchml.data import read_table, split_rows
from vouchml.model import Bundle, GoldenRows, check_golden_rows, load_scorer, open_bundle
from vouchml.model.golden import GOLDEN_FILE, NONE_STORED
from vouchml.model.scorers import AffineScorer, OnnxScorer, SklearnScorer
from vouchml.registry import ModelRegistry
from vouchml.settings import ModelSettings, Settings, TrainingSettings
from vouchml.training import TrainedVersion
from vouchml.training.train import fit_and_evaluate

Trained = tuple[Settings, TrainedVersion]
QUICK: dict[str, Any] = {"cv_folds": 2, "bootstrap_resamples": 100}


@pytest.fixture(scope="module")
def version_files(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The files, fetched from MLflow as the service fetches them."""
    settings, result = trained
    assert result.version is not None
    folder: Path = tmp_path_factory.mktemp("version")
    ModelRegistry.connect(settings.tracking_uri).fetch(result.version, folder)
    return open_bundle(folder)


@pytest.fixture(scope="module")
def values(trained: Trained) -> NDArray[np.float64]:
    settings, _ = trained
    return read_table(settings.data_path, settings.data).values


def test_the_affine_form_serves_and_the_onnx_model_is_shipped_beside_it(version_files: Bundle) -> None:
    assert version_files.contract.scorer == "affine"
    names = {path.name for path in version_files.folder.iterdir()}
    assert {"affine.json", "golden.json", "contract.json", "model.onnx", "model.skops", "MLmodel"} <= names


def test_all_three_scorers_agree_on_every_row(version_files: Bundle, values: NDArray[np.float64]) -> None:
    scorer = load_scorer(version_files)
    assert isinstance(scorer, AffineScorer)
    served = scorer.positive_probability(values)
    for other in (OnnxScorer.load(version_files), SklearnScorer.load(version_files)):
        assert np.abs(other.positive_probability(values) - served).max() <= 1e-12
        alone = [other.positive_probability_of_one(row) for row in values[:50]]
        assert np.abs(np.array(alone) - served[:50]).max() <= 1e-12


@pytest.fixture
def _at_mlflow(trained: Trained, tmp_path: Path) -> Iterator[None]:
    """At a copy of the project: MLflow writes beside the files of a version that it loads by its name."""
    mlflow.set_tracking_uri(own_copy(trained[0].root, tmp_path / "a project").tracking_uri)
    yield
    mlflow.set_tracking_uri(None)


@pytest.mark.usefixtures("_at_mlflow")
def test_pyfunc_sklearn_and_onnx_load_the_version_and_agree(
    trained: Trained, version_files: Bundle, values: NDArray[np.float64]
) -> None:
    settings, result = trained
    assert result.version is not None
    uri = f"models:/{settings.project.registered_model}/{result.version.number}"
    frame = pd.DataFrame(values, columns=list(version_files.contract.feature_names))
    session = onnxruntime.InferenceSession(mlflow.onnx.load_model(uri).SerializeToString())
    found = [
        np.asarray(mlflow.pyfunc.load_model(uri).predict(frame)),
        mlflow.sklearn.load_model(uri).predict_proba(frame),
        session.run(["probabilities"], {"features": values})[0],
    ]
    served = load_scorer(version_files).positive_probability(values)
    for probabilities in found:
        assert np.abs(probabilities[:, version_files.contract.positive_index] - served).max() <= 1e-12


@pytest.mark.parametrize("scorer", [AffineScorer, OnnxScorer, SklearnScorer])
def test_every_scorer_answers_the_golden_rows_as_scikit_learn_did(
    scorer: type[AffineScorer] | type[OnnxScorer] | type[SklearnScorer], version_files: Bundle
) -> None:
    check = check_golden_rows(version_files, scorer.load(version_files))
    assert check.rows == 32
    assert check.max_abs_difference <= 1e-12


def test_the_golden_rows_are_test_rows_from_the_lowest_score_to_the_highest(
    trained: Trained, version_files: Bundle
) -> None:
    settings, _ = trained
    golden = GoldenRows.model_validate_json((version_files.folder / GOLDEN_FILE).read_bytes())
    table = read_table(settings.data_path, settings.data)
    split = split_rows(table, test_size=settings.training.test_size, random_state=settings.training.random_state)
    test_rows = table.values[split.test]
    assert {tuple(row) for row in test_rows.tolist()} >= set(golden.rows)
    assert list(golden.probabilities) == sorted(golden.probabilities)
    scores = load_scorer(version_files).positive_probability(test_rows)
    assert golden.probabilities[0] == pytest.approx(scores.min(), abs=1e-12)
    assert golden.probabilities[-1] == pytest.approx(scores.max(), abs=1e-12)


def fitted(settings: Settings, **training: Any) -> Any:
    table = read_table(settings.data_path, settings.data)
    split = split_rows(table, test_size=settings.training.test_size, random_state=settings.training.random_state)
    changed = settings.model_copy(update={"training": TrainingSettings(**{**QUICK, **training})})
    return fit_and_evaluate(changed, table, split)


def test_golden_rows_may_be_fewer_or_none(trained: Trained, version_files: Bundle, tmp_path: Path) -> None:
    settings, _ = trained
    few = fitted(settings, golden_rows=3).files
    assert len(json.loads(few[GOLDEN_FILE])["rows"]) == 3
    none = fitted(settings, golden_rows=0).files
    assert json.loads(none[GOLDEN_FILE])["rows"] == []
    bundle = open_bundle(Path(shutil.copytree(version_files.folder, tmp_path / "without")))
    (bundle.folder / GOLDEN_FILE).write_bytes(none[GOLDEN_FILE])
    assert check_golden_rows(bundle, load_scorer(bundle)).note == NONE_STORED


def test_a_forest_ships_neither_form_and_its_golden_rows_hold(trained: Trained) -> None:
    settings, _ = trained
    forest = ModelSettings(estimator="random_forest", parameters={"n_estimators": 10})
    made = fitted(settings.model_copy(update={"model": forest}))
    assert made.contract.scorer == "sklearn"
    assert set(made.files) == {GOLDEN_FILE}
    assert len(json.loads(made.files[GOLDEN_FILE])["rows"]) == 32


def test_the_run_tells_the_parity_of_each_form(trained: Trained, tmp_path: Path) -> None:
    settings, result = trained
    client = mlflow.MlflowClient(settings.tracking_uri)
    told = json.loads(Path(client.download_artifacts(result.run_id, "parity.json", str(tmp_path))).read_bytes())
    assert (told["scorer"], told["passed"]) == ("affine", True)
    assert [form["scorer"] for form in told["forms"]] == ["affine", "onnx"]
    for form in told["forms"]:
        assert form["max_abs_difference"] <= told["tolerance"] == 1e-12
        assert form["label_flips"] == 0
        assert "gives scikit-learn's probabilities" in form["reason"]
    assert client.get_run(result.run_id).data.tags["vouch.scorer"] == "affine"
