"""Tests that share what is dear run in one process, whatever pytest and its plugins make of groups."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TELLS = """
import os, pathlib

def test_one():
    pathlib.Path(__file__).with_suffix(".one").write_text(os.environ["PYTEST_XDIST_WORKER"])

def test_two():
    pathlib.Path(__file__).with_suffix(".two").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""


def test_a_file_runs_in_one_process_and_so_does_a_folder_that_shares_what_is_dear(tmp_path: Path) -> None:
    for place in ("cli/test_up.py", "cli/test_keys.py", "trust/test_dsse.py"):
        file = tmp_path / "tests" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TELLS, encoding="utf-8")
    # The conftest of all our tests distributes them; here it is loaded by its name.
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [*command, "-n", "2", "--dist", "loadgroup", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder, other = workers((tmp_path / "tests" / "cli").iterdir()), workers((tmp_path / "tests" / "trust").iterdir())
    assert (len(folder), len(other)) == (4, 2)
    assert len(set(folder)) == len(set(other)) == 1
    assert folder[0] != other[0]


def workers(files: Iterable[Path]) -> list[str]:
    return [file.read_text(encoding="utf-8") for file in files if file.suffix in (".one", ".two")]
