"""Projects whose ledger holds real predictions."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.own_copy import own_copy
from tests.recorded_project import RecordedProject, recorded_project
from tests.shared_folders import SharedFolders


@pytest.fixture(scope="session")
def made_recorded(
    trained_folder: Path, tmp_path_factory: pytest.TempPathFactory, shared_folders: SharedFolders
) -> RecordedProject:
    """Made once a session: to read, and to copy."""
    began = time.perf_counter()
    made = recorded_project(trained_folder, tmp_path_factory.mktemp("recorded") / "a project")
    print(f"recorded a project in {time.perf_counter() - began:.1f} s")
    shared_folders.watch(made.folder)
    return made


@pytest.fixture
def recorded(made_recorded: RecordedProject, tmp_path: Path) -> RecordedProject:
    """A copy to change."""
    return RecordedProject(own_copy(made_recorded.folder, tmp_path / "a project"))
