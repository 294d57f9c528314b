"""Log one training to MLflow as one run. Nothing is registered before all of it is logged."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from vouchml.registry.failures import mlflow_errors
from vouchml.settings import MLFLOW_VARIABLE, Settings
from vouchml.training.flavor import ModelFiles
from vouchml.training.places import artifact_root, require_writable, spare_room

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
        RegistryUnreachable: MLflow failed; the run, if it was begun, is marked as failed and has no files.
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
        from mlflow.exceptions import MlflowException
        from mlflow.models import Model

        experiment_id = _experiment(mlflow, settings)
        with spare_room(settings) as room, mlflow.start_run(experiment_id=experiment_id, tags=content.tags) as run:
            run_id = run.info.run_id
            try:
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
            except BaseException:
                room.close()
                # What made it fail is what the user has to know, not what else fails because of it.
                with suppress(MlflowException):
                    _take_back(mlflow.MlflowClient(), run_id)
                raise
        return LoggedRun(run_id=run_id, model_source=f"models:/{logged.model_id}")


def _take_back(client: Any, run_id: str) -> None:
    """Remove the files that a run which fails has on this machine, and mark its models as failed."""
    run = client.get_run(run_id)
    _remove_files(run.info.artifact_uri, of=run_id)
    for output in run.outputs.model_outputs if run.outputs else ():
        model = client.get_logged_model(output.model_id)
        _remove_files(model.artifact_location, of=output.model_id)
        client.finalize_logged_model(output.model_id, "FAILED")


def _remove_files(uri: str, *, of: str) -> None:
    """Remove what MLflow keeps at `uri` for the run or the model `of`; nothing where that is not a folder here."""
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        folder = Path(unquote(parts.path))
        shutil.rmtree(folder.parent if folder.parent.name == of else folder, ignore_errors=True)


@contextmanager
def _store(tracking_uri: str) -> Iterator[Any]:
    """Point MLflow's module at `tracking_uri`, and back again.

    MLflow writes what it is pointed at into the environment, which child processes inherit. Where nothing was set,
    nothing stays: MLflow's own default escapes the spaces of a path and would name another file. Where only the
    environment said it, only the environment says it afterwards.
    """
    import mlflow

    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    variable = os.environ.get(MLFLOW_VARIABLE)
    mlflow.set_tracking_uri(tracking_uri)
    try:
        yield mlflow
    finally:
        mlflow.set_tracking_uri(None if before == variable else before)
        if variable is not None:
            os.environ[MLFLOW_VARIABLE] = variable


def _experiment(mlflow: Any, settings: Settings) -> str:
    name = settings.project.experiment
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return str(client.create_experiment(name, artifact_location=artifact_root(settings)))
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


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
