"""Log one training to MLflow as one run. Nothing is registered before all of it is logged."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from vouchml.errors import FolderNotWritable
from vouchml.registry.connection import mlflow_errors
from vouchml.settings import Settings, sqlite_file
from vouchml.training.flavor import ModelFiles

if TYPE_CHECKING:
    import pandas as pd

MODEL_NAME = "model"
MODEL_TYPE = "classifier"


@dataclass(frozen=True)
class LoggedRun:
    """A finished run and the model that it logged."""

    run_id: str
    model_source: str


@dataclass(frozen=True)
class RunContent:
    """What a run says, besides its artifacts. `table` is the whole table, target included."""

    params: dict[str, Any]
    metrics: dict[str, float]
    tags: dict[str, str]
    table: pd.DataFrame
    target: str
    data_path: str
    data_sha256: str


def log_run(
    settings: Settings,
    content: RunContent,
    model_files: ModelFiles,
    write_artifacts: Callable[[Path, str], None],
) -> LoggedRun:
    """Log `content`, the artifacts that `write_artifacts(folder, run_id)` writes, and the model, as one run.

    Raises:
        RegistryUnreachable: MLflow failed; the run, if it was begun, is marked as failed.
        FolderNotWritable: the database or the artifacts cannot be written.
    """
    require_writable(settings)
    with (
        warnings.catch_warnings(),
        _store(settings.tracking_uri) as mlflow,
        mlflow_errors(f"the experiment {settings.project.experiment}"),
    ):
        # The target of the logged table is an integer column, and MLflow hints at missing values, which we refuse.
        warnings.filterwarnings("ignore", message=".*integer column.*", category=UserWarning)
        from mlflow.models import Model

        experiment_id = _experiment(mlflow, settings)
        with mlflow.start_run(experiment_id=experiment_id, tags=content.tags) as run:
            run_id = run.info.run_id
            mlflow.log_params(content.params)
            mlflow.log_metrics(content.metrics)
            _log_dataset(mlflow, content)
            with TemporaryDirectory() as folder:
                write_artifacts(Path(folder), run_id)
                mlflow.log_artifacts(folder)
            logged = Model.log(
                artifact_path=None,
                name=MODEL_NAME,
                flavor=model_files,
                flavor_name="sklearn",
                model_type=MODEL_TYPE,
                # `vouch train` has compared every row with the model already.
                validate_serving_input=False,
            )
        return LoggedRun(run_id=run_id, model_source=f"models:/{logged.model_id}")


def require_writable(settings: Settings) -> None:
    """Find out before the work, not after it, whether what `vouch train` writes can be written.

    Raises:
        FolderNotWritable: a file cannot be made where the database or the artifacts go.
    """
    folders = []
    if database := sqlite_file(settings.tracking_uri):
        folders.append(database.parent)
    if settings.artifact_location is not None and settings.artifact_location.startswith("file:"):
        folders.append(settings.root / settings.project.artifacts)
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder):
                pass
        except OSError as error:
            raise FolderNotWritable(
                f"{folder} cannot be written: {error.strerror}.",
                remedy="Give yourself write permission, or set [project] tracking_uri and artifacts to another place.",
            ) from error


@contextmanager
def _store(tracking_uri: str) -> Iterator[Any]:
    """Point MLflow's module at `tracking_uri`, and back again.

    MLflow writes what it is pointed at into the environment, which child processes inherit; where nothing was set,
    nothing stays, since MLflow's own default escapes the spaces of a path and would name another file.
    """
    import mlflow

    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(tracking_uri)
    try:
        yield mlflow
    finally:
        mlflow.set_tracking_uri(before)


def _experiment(mlflow: Any, settings: Settings) -> str:
    name = settings.project.experiment
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        root = settings.artifact_location
        return str(client.create_experiment(name, artifact_location=root and f"{root}/{_folder_name(name)}"))
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def _folder_name(experiment: str) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "_" for character in experiment)


def _log_dataset(mlflow: Any, content: RunContent) -> None:
    from mlflow.data import from_pandas
    from mlflow.data.sources import LocalArtifactDatasetSource

    dataset = from_pandas(
        content.table,
        source=LocalArtifactDatasetSource(content.data_path),
        targets=content.target,
        name=Path(content.data_path).stem,
        # MLflow keeps 36 characters; the whole SHA-256 is the tag `data_sha256`.
        digest=content.data_sha256[:36],
    )
    mlflow.log_input(dataset, context="training")
