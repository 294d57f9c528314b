"""Services with settings of their own, for the tests of the doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import mlflow.pyfunc
import pytest

from vouchml.registry import ModelRegistry
from vouchml.serving.app import create_app
from vouchml.settings import ServingSettings, Settings, load_settings

if TYPE_CHECKING:
    from tests.serving.conftest import Following, Project, Serve

ServeWith = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture
def serve_with(served_project: Project, serve: Serve, follow: Callable[[Settings], Following]) -> ServeWith:
    """Serve version 1 under these settings: `with serve_with(out_of_range="refuse") as client`."""

    @contextmanager
    def serving_with(**settings: Any) -> Iterator[httpx.Client]:
        # What is to serve is fetched here, so that nobody has to wait for a watcher; ours then looks once a minute.
        serving = ServingSettings(poll_seconds=60.0, **settings)
        changed = served_project.settings.model_copy(update={"serving": serving})
        served_project.promote("1")
        follow(changed).poll()
        with serve(create_app(changed)) as client:
            yield client

    return serving_with


@pytest.fixture(scope="module")
def pyfunc(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Version 1 as MLflow loads it."""
    settings = load_settings(trained_folder / "vouch.toml")
    registry, folder = ModelRegistry.connect(settings.tracking_uri), tmp_path_factory.mktemp("version")
    registry.fetch(registry.version(settings.project.registered_model, "1"), folder)
    return mlflow.pyfunc.load_model(str(folder))
