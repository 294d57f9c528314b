"""What all tests share stays as it is, and who changes it is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.own_copy import own_copy
from tests.shared_folders import SharedFolders

from vouchml.registry import ModelRegistry
from vouchml.registry.evidence_files import fetch_evidence, put_evidence
from vouchml.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[1]
MAKES_ONE = """
import pytest

@pytest.fixture(scope="session")
def shared(tmp_path_factory, shared_folders):
    folder = tmp_path_factory.mktemp("shared")
    (folder / "model").write_text("weights")
    return shared_folders.watch(folder)
"""
READS = """
def test_one(shared):
    assert (shared / "model").read_text()
"""
WRITES = """
def test_one(shared):
    (shared / "evidence").mkdir()
    (shared / "evidence" / "decision").write_text("PASS")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shared"
    (made / "deep").mkdir(parents=True)
    for name in ("one", "deep/two"):
        (made / name).write_text(name, encoding="utf-8")
    return made


def test_a_file_that_is_other_more_or_less_is_told_once(folder: Path) -> None:
    shared = SharedFolders()
    assert shared.watch(folder) == folder
    assert shared.changes() == []
    (folder / "one").write_text("eno", encoding="utf-8")  # as long as it was
    (folder / "deep" / "two").unlink()
    (folder / "deep" / "three").touch()
    place = folder / "deep"
    assert shared.changes() == [f"added: {place / 'three'}", f"removed: {place / 'two'}", f"changed: {folder / 'one'}"]
    assert shared.changes() == []


def test_the_file_of_tests_that_changes_what_others_share_fails_and_no_other_does(tmp_path: Path) -> None:
    for name, text in (
        ("conftest.py", MAKES_ONE),
        ("test_1_reads.py", READS),
        ("test_2_writes.py", WRITES),
        ("test_3_reads.py", READS),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    # The conftest of all our tests is what makes the file of tests fail; here it is loaded by its name.
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-p", "no:xdist", "-q"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 passed, 1 error" in done.stdout
    assert "ERROR at teardown of test_one" in done.stdout
    assert "test_2_writes.py changed what all tests share" in done.stdout
    assert "decision" in done.stdout


def test_what_is_written_to_a_copy_of_a_project_is_in_no_other(trained_folder: Path, tmp_path: Path) -> None:
    copies = [own_copy(trained_folder, tmp_path / name) for name in ("one", "two")]
    write(copies[0], b"of the first")
    write(copies[1], b"of the second")
    assert [read(copy) for copy in copies] == [b"of the first", b"of the second"]
    assert not list(trained_folder.rglob("a-statement"))


def write(settings: Settings, content: bytes) -> None:
    registry = ModelRegistry.connect(settings.tracking_uri)
    put_evidence(registry, registry.version(settings.project.registered_model, "1"), "a-statement", content)


def read(settings: Settings) -> bytes:
    registry = ModelRegistry.connect(settings.tracking_uri)
    version = registry.version(settings.project.registered_model, "1")
    return fetch_evidence(registry, version, lambda _: True)["a-statement"]
