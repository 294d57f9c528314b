"""The shipped project with versions 1 (C = 1) and 2 (C = 0.01), to judge and to tamper with."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

# pytest puts the folder of a test on the path, not the repository that `tests.governance.made_evidence` is found from.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.serving.conftest import copy_project

from vouchml.settings import Settings, load_settings


@pytest.fixture
def judged_project(trained_folder: Path, tmp_path: Path) -> Settings:
    """Nothing is promoted. The artifacts of both versions are shared with other tests: to read, not to change."""
    folder = tmp_path / "project"
    folder.mkdir()
    copy_project(trained_folder, folder)
    shutil.copytree(trained_folder / "data", folder / "data")
    return load_settings(folder / "vouch.toml")
