"""The shipped project with two versions, development keys and evidence: to copy, and to take things away from."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# pytest puts the folder of a test on the path, not the repository that `tests.project.evidence` is found from.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.project.evidence.judged_project import JudgedProject
from tests.project.evidence.own_copy import forget_places, own_copy


@pytest.fixture(autouse=True)
def _no_places_from_other_copies() -> Iterator[None]:
    forget_places()
    yield
    forget_places()


@pytest.fixture(scope="session")
def judged_folder(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 and 2 are signed by development keys, and the gate has decided PASS on version 1."""
    began = time.perf_counter()
    made = JudgedProject(own_copy(trained_folder, tmp_path_factory.mktemp("judged") / "a project"))
    made.ring.add_development_keys()
    for number in (1, 2):
        made.sign(number)
    assert made.decide(1).outcome.verdict == "PASS"
    print(f"signed two versions and gated one in {time.perf_counter() - began:.1f} s")
    return made.settings.root


@pytest.fixture
def judged(judged_folder: Path, tmp_path: Path) -> JudgedProject:
    """A copy of it."""
    return JudgedProject(own_copy(judged_folder, tmp_path / "a project"))


@pytest.fixture
def unsigned(trained_folder: Path, tmp_path: Path) -> JudgedProject:
    """Versions 1 and 2 without keys and without evidence."""
    return JudgedProject(own_copy(trained_folder, tmp_path / "an unsigned project"))
