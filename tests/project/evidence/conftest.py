"""The shipped project with two versions, development keys and evidence: to copy, and to take things away from."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

# pytest puts the folder of a test on the path, not the repository that `tests.project.evidence` is found from.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.own_copy import own_copy
from tests.project.evidence.judged_project import JudgedProject
from tests.shared_folders import SharedFolders


@pytest.fixture(scope="session")
def judged_folder(
    trained_folder: Path, tmp_path_factory: pytest.TempPathFactory, shared_folders: SharedFolders
) -> Path:
    """Versions 1 and 2 are signed by development keys, and the gate has decided PASS on version 1."""
    began = time.perf_counter()
    made = JudgedProject(own_copy(trained_folder, tmp_path_factory.mktemp("judged") / "a project"))
    made.ring.add_development_keys()
    for number in (1, 2):
        made.sign(number)
    assert made.decide(1).outcome.verdict == "PASS"
    print(f"signed two versions and gated one in {time.perf_counter() - began:.1f} s")
    return shared_folders.watch(made.settings.root)


@pytest.fixture
def judged(judged_folder: Path, tmp_path: Path) -> JudgedProject:
    """A copy of it."""
    return JudgedProject(own_copy(judged_folder, tmp_path / "a project"))


@pytest.fixture
def unsigned(trained_folder: Path, tmp_path: Path) -> JudgedProject:
    """Versions 1 and 2 without keys and without evidence."""
    return JudgedProject(own_copy(trained_folder, tmp_path / "an unsigned project"))
