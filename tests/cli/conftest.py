"""A small project of its own for the commands, and the same under `vouch up`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# pytest puts the folder of a test on the path, not the repository that `tests.cli.processes` is found from.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.cli.processes import Project, Running, free_ports, run, write_table


@pytest.fixture(scope="session")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project made by `vouch init`, whose folder has a space and a quote in its name; trained by who needs it."""
    folder = tmp_path_factory.mktemp("it's a project")
    table = write_table(folder / "table #1.csv")
    made = run("init", table.name, "--target", 'is it "so"?', "--exclude", "id", cwd=folder)
    assert made.returncode == 0, made.stderr
    port, mlflow_port = free_ports()
    file = folder / "vouch.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("port = 8000", f"port = {port}").replace("mlflow_port = 5001", f"mlflow_port = {mlflow_port}")
    file.write_text(text.replace("[training]", "[training]\nbootstrap_resamples = 100"), encoding="utf-8")
    return Project(folder, port, mlflow_port)


@pytest.fixture(scope="session")
def running_project(made_project: Project) -> Iterator[tuple[Project, Running]]:
    """The same project under `vouch up`."""
    began = time.perf_counter()
    running = made_project.start("up")
    running.until("Running.")
    print(f"vouch up took {time.perf_counter() - began:.1f} s")
    yield made_project, running
    running.end()
