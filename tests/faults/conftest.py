"""Projects with two versions, and services of them as real processes, none of which outlives its test."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.cli.processes import clean_environment, free_ports
from tests.faults.services import MlflowServer, Service, serve_command, serving_settings, uvicorn_command
from tests.own_copy import unguarded_copy
from tests.serving.conftest import Project
from tests.started import STARTED

from vouchml.data import read_table
from vouchml.serving.following.watcher import Watcher
from vouchml.settings import load_settings

Start = Callable[..., Service]


@pytest.fixture
def cold_project(trained_folder: Path, tmp_path: Path) -> Project:
    """Versions 1 and 2, version 1 promoted, in a folder of its own, which no service has been in."""
    project = Project(unguarded_copy(trained_folder, tmp_path / "a project"))
    project.promote("1")
    return project


@pytest.fixture
def project(cold_project: Project) -> Project:
    """The same, with version 1 in the cache as if a service had run before: the next is ready at once."""
    Watcher(cold_project.settings).poll()
    return cold_project


@pytest.fixture(scope="session")
def features(trained_folder: Path) -> dict[str, float]:
    """The first row of the table."""
    settings = load_settings(trained_folder / "vouch.toml")
    table = read_table(settings.data_path, settings.data)
    row = np.asarray(table.values)[0]
    return dict(zip(table.names, row.tolist(), strict=True))


@pytest.fixture
def start(cold_project: Project) -> Iterator[Start]:
    """Start a service of the project: `start("--workers", "2", poll_seconds=0.2)`.

    With `uvicorn=True` it is `uvicorn api.main:app`. Settings of `[serving]` are keywords; the registry is looked at
    five times a second unless they say otherwise.
    """
    running: list[Service] = []
    numbers = itertools.count()

    def begin(
        *arguments: str,
        uvicorn: bool = False,
        ready: bool = True,
        tracking_uri: str = "",
        scheme: str = "http",
        environment: dict[str, str] | None = None,
        **serving: object,
    ) -> Service:
        (port,) = free_ports(1)
        command = uvicorn_command(port, *arguments) if uvicorn else serve_command(port, *arguments)
        log = cold_project.settings.root / f"service-{next(numbers)}.log"
        with log.open("wb") as out:
            process = STARTED.start(
                command,
                cwd=cold_project.settings.root,
                env=clean_environment()
                | serving_settings(**{"poll_seconds": 0.2, **serving})
                | ({"MLFLOW_TRACKING_URI": tracking_uri} if tracking_uri else {})
                | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        service = Service(cold_project, process, port, log, scheme)
        running.append(service)
        if ready:
            print(f"ready after {service.until_ready():.1f} s")
        return service

    yield begin
    for service in running:
        service.remove()


@pytest.fixture
def mlflow_server(cold_project: Project) -> Iterator[MlflowServer]:
    """An MLflow server over the project's database."""
    server = MlflowServer(cold_project, free_ports(1)[0])
    server.start()
    yield server
    server.kill()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests look into /proc, as their machines do."""
    if not Path("/proc/self/smaps_rollup").exists():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="needs Linux"))
