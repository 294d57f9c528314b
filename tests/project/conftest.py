"""Projects whose ledger holds real predictions."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from tests.recorded_project import RecordedProject, recorded_project

from vouchml.settings import load_settings


@pytest.fixture(scope="session")
def made_recorded(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RecordedProject:
    """Made once a session: to read, and to copy."""
    began = time.perf_counter()
    made = recorded_project(trained_folder, tmp_path_factory.mktemp("recorded") / "a project")
    print(f"recorded a project in {time.perf_counter() - began:.1f} s")
    return made


@pytest.fixture
def recorded(made_recorded: RecordedProject, tmp_path: Path) -> RecordedProject:
    """A copy to change."""
    folder = tmp_path / "a project"
    shutil.copytree(made_recorded.folder, folder)
    return RecordedProject(load_settings(folder / "vouch.toml"))
