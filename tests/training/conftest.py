"""What the tests of a finished run share: MLflow's view of the project that is trained once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from tests.databases import copy_database

from vouchml.registry import ModelRegistry
from vouchml.settings import Settings
from vouchml.training import TrainedVersion

Trained = tuple[Settings, TrainedVersion]


@pytest.fixture(scope="session")
def logged_run(trained: Trained) -> Any:
    """The run, as MLflow's own client gives it."""
    settings, version = trained
    return mlflow.MlflowClient(settings.tracking_uri).get_run(version.run_id)


@pytest.fixture(scope="session")
def artifacts(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of the run, fetched by MLflow."""
    settings, version = trained
    folder = tmp_path_factory.mktemp("artifacts")
    client = mlflow.MlflowClient(settings.tracking_uri)
    return Path(client.download_artifacts(version.run_id, "", str(folder)))


@pytest.fixture(scope="session")
def registry_of(new_database: Path) -> Callable[[Settings], ModelRegistry]:
    """Reach the store of a project, putting an empty one there where a training that failed early has made none."""

    def reach(settings: Settings) -> ModelRegistry:
        if not (settings.root / "mlflow.db").exists():
            copy_database(new_database, settings.root / "mlflow.db")
        return ModelRegistry.connect(settings.tracking_uri)

    return reach
