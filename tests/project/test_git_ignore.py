import subprocess
from pathlib import Path

import pytest

from vouchml.errors import FolderNotWritable
from vouchml.project.git_ignore import PATTERNS, ignore_what_is_made

MADE = (
    ".vouch/keys/ada.pem",
    "mlflow.db",
    "mlflow.db-wal",
    "mlruns/1/meta.yaml",
    "vouch-ledger.db",
    "vouch-ledger.db-shm",
    "receipt.json",
    ".venv/bin/vouch",
)
KEPT = ("vouch.toml", "trust.toml", "table.csv", ".gitignore")


def ignored_by_git(folder: Path, *names: str) -> list[str]:
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    told = subprocess.run(["git", "check-ignore", *names], cwd=folder, capture_output=True, text=True, check=False)
    return told.stdout.splitlines()


def test_git_passes_over_what_is_made_and_sees_what_is_to_be_committed(tmp_path: Path) -> None:
    ignored = ignore_what_is_made(tmp_path)
    assert (ignored.new, ignored.added) == (True, PATTERNS)
    assert ignored_by_git(tmp_path, *MADE, *KEPT) == list(MADE)


@pytest.mark.parametrize("text", ["*.log\n/mlruns\n.vouch/\n", "*.log\n/mlruns\n.vouch/", ""])
def test_a_file_that_is_there_keeps_its_lines_and_gets_those_that_it_lacks(tmp_path: Path, text: str) -> None:
    file = tmp_path / ".gitignore"
    file.write_text(text)
    ignored = ignore_what_is_made(tmp_path)
    assert not ignored.new
    assert file.read_text().startswith(text)
    assert ("mlruns/" in ignored.added) == ("mlruns" not in text)
    assert "mlflow.db*" in ignored.added
    assert ignored_by_git(tmp_path, *MADE, "a.log", *KEPT) == [*MADE, *(["a.log"] if text else [])]


def test_a_second_time_nothing_is_added(tmp_path: Path) -> None:
    ignore_what_is_made(tmp_path)
    before = (tmp_path / ".gitignore").read_bytes()
    again = ignore_what_is_made(tmp_path)
    assert (again.new, again.added) == (False, ())
    assert (tmp_path / ".gitignore").read_bytes() == before


def test_what_cannot_be_written_is_told_with_the_lines(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").mkdir()
    with pytest.raises(FolderNotWritable) as caught:
        ignore_what_is_made(tmp_path)
    assert "mlflow.db*" in caught.value.remedy
