"""What all tests share: a project in a folder of its own, and one that has been trained, once a session."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vouchml.settings import ModelSettings, Settings, TrainingSettings, load_settings
from vouchml.training import TrainedVersion, train

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> None:
    """Run as on a machine where nobody has set anything."""
    for name in list(os.environ):
        if name.startswith(("VOUCH_", "MLFLOW_")):
            del os.environ[name]


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Settings]:
    """Make the shipped project anew in an empty folder with a space in its name, and hand out its settings."""

    def make() -> Settings:
        folder = tmp_path_factory.mktemp("a project")
        (folder / "data").mkdir()
        shutil.copy(REPOSITORY / "vouch.toml", folder)
        shutil.copy(REPOSITORY / "data" / "breast_cancer.csv", folder / "data")
        return load_settings(folder / "vouch.toml")

    return make


@pytest.fixture
def project(make_project: Callable[[], Settings]) -> Settings:
    """The shipped project, untrained, in a folder of its own."""
    return make_project()


@pytest.fixture(scope="session")
def trained(make_project: Callable[[], Settings]) -> tuple[Settings, TrainedVersion]:
    """The shipped project, trained once a session: to read, not to change."""
    settings = make_project()
    began = time.perf_counter()
    result = train(settings)
    print(f"trained the shipped project in {time.perf_counter() - began:.1f} s")
    return settings, result


@pytest.fixture(scope="session")
def trained_folder(make_project: Callable[[], Settings]) -> Path:
    """Versions 1 (C = 1) and 2 (C = 0.01) in one MLflow database, nothing promoted: to copy, not to change."""
    quick = TrainingSettings(cv_folds=2, bootstrap_resamples=100)
    settings = make_project().model_copy(update={"training": quick})
    with pytest.MonkeyPatch.context() as environment:
        # MLflow writes the address of its store into the environment, where the next settings would find it.
        environment.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
        environment.setenv("MLFLOW_REGISTRY_URI", settings.tracking_uri)
        for strength in (1.0, 0.01):
            model = ModelSettings(parameters={"C": strength, "max_iter": 1000})
            train(settings.model_copy(update={"model": model}))
    return settings.root
