"""What MLflow holds after a training, and that a training that fails leaves nothing half done."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vouchml.errors import (
    FolderNotWritable,
    LeakageFound,
    RegistryUnreachable,
    TableInvalid,
    TrainingRefused,
    VouchError,
)
from vouchml.project.register import register_run
from vouchml.settings import ModelSettings, Settings, TrainingSettings
from vouchml.training import TrainedVersion, train, up_to_date_version

if TYPE_CHECKING:
    from vouchml.registry import ModelRegistry

METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "log_loss", "brier")
QUICK = TrainingSettings(cv_folds=2, bootstrap_resamples=100)


def test_the_run_is_finished_and_in_the_experiment_of_the_settings(
    trained: tuple[Settings, TrainedVersion], logged_run: Any
) -> None:
    settings, _ = trained
    experiment = mlflow.MlflowClient(settings.tracking_uri).get_experiment(logged_run.info.experiment_id)
    assert (logged_run.info.status, experiment.name) == ("FINISHED", "breast_cancer")


def test_every_parameter_of_the_classifier_and_of_the_training_is_logged(logged_run: Any) -> None:
    params = logged_run.data.params
    assert LogisticRegression().get_params().keys() <= params.keys()
    expected = {
        "estimator": "logistic_regression",
        "C": "1.0",
        "max_iter": "1000",
        "threshold": "0.5",
        "positive_class": "benign",
        "test_size": "0.2",
        "random_state": "42",
        "train_rows": "455",
        "test_rows": "114",
        "feature_count": "30",
        "cv_folds": "5",
        "bootstrap_resamples": "2000",
    }
    assert expected.items() <= params.items()


def test_the_metrics_are_those_of_plain_scikit_learn_on_the_same_split(logged_run: Any) -> None:
    data = load_breast_cancer()
    x_train, x_test, y_train, y_test = train_test_split(
        data.data, data.target, test_size=0.2, random_state=42, stratify=data.target
    )
    p = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x_train, y_train).predict_proba(x_test)
    labelled = p[:, 1] >= 0.5
    expected = {
        "accuracy": accuracy_score(y_test, labelled),
        "precision": precision_score(y_test, labelled),
        "recall": recall_score(y_test, labelled),
        "f1": f1_score(y_test, labelled),
        "roc_auc": roc_auc_score(y_test, p[:, 1]),
        "average_precision": average_precision_score(y_test, p[:, 1]),
        "log_loss": log_loss(y_test, p[:, 1]),
        "brier": brier_score_loss(y_test, p[:, 1]),
    }
    found = {name: logged_run.data.metrics[name] for name in METRICS}
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_an_interval_around_it_and_a_cross_validation(logged_run: Any, name: str) -> None:
    metrics = logged_run.data.metrics
    low, value, high = metrics[f"{name}_ci_low"], metrics[name], metrics[f"{name}_ci_high"]
    assert low <= value <= high
    assert 0.001 < high - low < 0.2
    assert abs(metrics[f"cv_{name}_mean"] - value) < 0.1
    assert 0 < metrics[f"cv_{name}_std"] < 0.1


def test_the_dataset_is_logged_as_the_input_of_the_run(
    trained: tuple[Settings, TrainedVersion], logged_run: Any
) -> None:
    settings, _ = trained
    sha256 = hashlib.sha256(settings.data_path.read_bytes()).hexdigest()
    (logged,) = logged_run.inputs.dataset_inputs
    assert logged.dataset.digest == sha256[:36]
    assert logged.dataset.name == "breast_cancer"
    assert [tag.value for tag in logged.tags if tag.key == "mlflow.data.context"] == ["training"]
    assert '"num_rows": 569' in logged.dataset.profile
    assert logged_run.data.tags["data_sha256"] == sha256


def test_the_tags_say_what_the_run_ran_on(logged_run: Any) -> None:
    tags = logged_run.data.tags
    assert tags["vouch.python"] == platform.python_version()
    for library in ("scikit-learn", "numpy", "scipy", "pandas", "mlflow", "onnx", "skl2onnx", "onnxruntime", "skops"):
        assert tags[f"vouch.{library.replace('-', '_')}"] == version(library)
    assert "openblas" in tags["vouch.threads"]
    assert "threads=" in tags["vouch.threads"]
    assert tags["vouch.git_state"] == "none"  # the project of this test lies in no repository
    assert "vouch.git_commit" not in tags
    assert tags["vouch.scorer"] != "sklearn"  # the exact form of a logistic regression in ONNX may serve


def test_the_version_carries_the_digests_and_its_run(trained: tuple[Settings, TrainedVersion]) -> None:
    settings, result = trained
    assert result.version is not None
    found = mlflow.MlflowClient(settings.tracking_uri).get_model_version("breast_cancer_classifier", "1")
    assert found.run_id == result.run_id
    assert found.tags["data_sha256"] == hashlib.sha256(settings.data_path.read_bytes()).hexdigest()
    assert found.tags["vouch.training_sha256"] == result.manifest["training_sha256"]
    assert found.current_stage == "None"


def test_a_version_is_up_to_date_until_a_setting_changes(trained: tuple[Settings, TrainedVersion]) -> None:
    settings, result = trained
    assert up_to_date_version(settings) == result.version
    for parameters in ({"C": 2.0, "max_iter": 1000}, {"C": 1, "max_iter": 1000}, {"C": 1.0}):
        other = settings.model_copy(update={"model": ModelSettings(parameters=parameters)})
        assert up_to_date_version(other) is None


def with_model(settings: Settings, **parameters: Any) -> Settings:
    return settings.model_copy(update={"model": ModelSettings(parameters=parameters), "training": QUICK})


def unknown_parameter(settings: Settings) -> Settings:
    return with_model(settings, Q=1)


def parameters_that_scikit_learn_refuses_together(settings: Settings) -> Settings:
    return with_model(settings, solver="lbfgs", l1_ratio=1.0)


def every_row_twice(settings: Settings) -> Settings:
    header, *lines = settings.data_path.read_text(encoding="utf-8").splitlines()
    settings.data_path.write_text("\n".join([header, *lines, *lines]) + "\n", encoding="utf-8")
    return settings


def a_missing_value(settings: Settings) -> Settings:
    header, first, *lines = settings.data_path.read_text(encoding="utf-8").splitlines()
    first = "," + first.partition(",")[2]
    settings.data_path.write_text("\n".join([header, first, *lines]) + "\n", encoding="utf-8")
    return settings


def a_file_where_the_artifacts_go(settings: Settings) -> Settings:
    (settings.root / "mlruns").write_text("in the way")
    return settings


def files_of(settings: Settings) -> list[Path]:
    """What lies in the project, and beside it."""
    return sorted([*settings.root.rglob("*"), *settings.root.parent.iterdir()])


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (unknown_parameter, TrainingRefused),
        (parameters_that_scikit_learn_refuses_together, TrainingRefused),
        (every_row_twice, LeakageFound),
        (a_missing_value, TableInvalid),
        (a_file_where_the_artifacts_go, FolderNotWritable),
    ],
)
def test_a_training_that_cannot_be_done_leaves_no_run_and_no_version(
    project: Settings, registry_of: Callable[[Settings], ModelRegistry], spoil: Any, error: type[VouchError]
) -> None:
    spoilt = spoil(project)
    before = files_of(project)
    with pytest.raises(error) as caught:
        train(spoilt)
    assert caught.value.remedy
    assert "\n" not in caught.value.message
    assert files_of(project) == before
    client = registry_of(project).client
    assert all(not client.search_runs([each.experiment_id]) for each in client.search_experiments())
    assert list(client.search_registered_models()) == []


def test_a_training_that_fails_while_it_logs_is_a_failed_run_and_no_version(
    project: Settings, registry_of: Callable[[Settings], ModelRegistry]
) -> None:
    models = project.root / "mlruns" / "breast_cancer" / "models"
    models.parent.mkdir(parents=True)
    models.write_text("in the way")
    with pytest.raises((RegistryUnreachable, FolderNotWritable)) as caught:
        train(with_model(project, C=1.0))
    assert caught.value.remedy
    client = registry_of(project).client
    experiment = client.get_experiment_by_name("breast_cancer").experiment_id
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FAILED"
    assert [str(model.status) for model in client.search_logged_models([experiment])] == ["FAILED"]
    assert list(client.search_registered_models()) == []
    assert mlflow.active_run() is None
    assert [path.name for path in (project.root / "mlruns").rglob("*") if path.is_file()] == ["models"]


@pytest.mark.parametrize("variable", [None, "http://127.0.0.1:1"])
def test_a_training_leaves_mlflow_pointed_at_what_it_was(
    project: Settings, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)
    train(with_model(project, C=1.0))
    assert os.environ.get("MLFLOW_TRACKING_URI") == variable
    assert not variable or mlflow.get_tracking_uri() == variable
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert not mlflow.is_tracking_uri_set()


def test_a_training_that_is_stopped_before_it_registers_can_be_registered_later(
    project: Settings, registry_of: Callable[[Settings], ModelRegistry]
) -> None:
    def stop(step: str) -> None:
        if step == "Registering":
            raise KeyboardInterrupt

    quick = with_model(project, C=1.0)
    with pytest.raises(KeyboardInterrupt):
        train(quick, progress=stop)
    client = registry_of(project).client
    (run,) = client.search_runs([client.get_experiment_by_name("breast_cancer").experiment_id])
    assert run.info.status == "FINISHED"
    assert list(client.search_registered_models()) == []
    registered = register_run(quick, run.info.run_id)
    assert (registered.number, registered.run_id) == (1, run.info.run_id)
    assert up_to_date_version(quick) == registry_of(project).version("breast_cancer_classifier", "1")


def test_a_failure_leaves_the_version_before_it_as_it_was(
    trained: tuple[Settings, TrainedVersion], registry_of: Callable[[Settings], ModelRegistry], tmp_path: Path
) -> None:
    settings, _ = trained
    before = registry_of(settings).versions("breast_cancer_classifier")
    table = tmp_path / "table.csv"
    shutil.copy(settings.data_path, table)
    with table.open("a", encoding="utf-8") as file:
        file.write(table.read_text(encoding="utf-8").splitlines()[1].rpartition(",")[0] + ",2\n")
    data = settings.data.model_copy(update={"path": str(table)})
    with pytest.raises(TableInvalid, match="3 classes"):
        train(settings.model_copy(update={"data": data}))
    assert registry_of(settings).versions("breast_cancer_classifier") == before
