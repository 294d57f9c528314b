"""The shipped project with versions 1 (C = 1) and 2 (C = 0.01), to judge and to tamper with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# pytest puts the folder of a test on the path, not the repository that `tests.governance.made_evidence` is found from.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.own_copy import own_copy

from vouchml.settings import Settings


@pytest.fixture
def judged_project(trained_folder: Path, tmp_path: Path) -> Settings:
    """Nothing is promoted."""
    return own_copy(trained_folder, tmp_path / "project")
