"""What may be MLflow's database is found out before MLflow opens it, and what is there already is left as it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp

import pytest

# pytest puts the folder of a test on the path, not the repository that `tests.permissions` is found from.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.permissions import without_rights

from vouchml.errors import FolderNotWritable, RegistryUnreachable, VouchError
from vouchml.registry.sqlite_database import damage, is_new, make_database, require_sqlite_database


def database(path: Path, *, table: str = "experiments", rows: int = 3000) -> Path:
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"CREATE TABLE {table} (name TEXT)")
        made.executemany(f"INSERT INTO {table} VALUES (?)", ((f"{row:0100}",) for row in range(rows)))
        made.commit()
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own is closed to other users."""
    folder = Path(mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def a_folder(path: Path) -> None:
    path.mkdir()


def text(path: Path) -> None:
    path.write_text("this is not a database, whatever its name says, and it is long enough to show it")


def noise_behind_the_first_page(path: Path) -> None:
    database(path, rows=20)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(4096 - 100) + os.urandom(len(whole) - 4096))


def of_another_program(path: Path) -> None:
    database(path, table="accounts")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_folder, "is a folder, not a database"),
        (text, "file is not a database"),
        (noise_behind_the_first_page, "malformed"),
        (of_another_program, "a database of another program"),
    ],
)
@pytest.mark.parametrize("create", [False, True])
def test_what_cannot_be_mlflows_database_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], words: str, create: bool
) -> None:
    path = tmp_path / "mlflow.db"
    make(path)
    before = b"" if path.is_dir() else path.read_bytes()
    with pytest.raises(RegistryUnreachable, match=words) as caught:
        require_sqlite_database(path, create=create)
    assert caught.value.message.startswith("mlflow.db ")
    assert "\n" not in caught.value.message
    assert str(path) in caught.value.remedy
    assert str(tmp_path) not in caught.value.message  # which a service shows to everybody
    assert (b"" if path.is_dir() else path.read_bytes()) == before


def test_a_database_that_is_not_there_or_empty_is_only_refused_when_it_is_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    for words in (r"There is no mlflow\.db yet", r"There is nothing in mlflow\.db yet"):
        assert is_new(path)
        require_sqlite_database(path, create=True)
        with pytest.raises(RegistryUnreachable, match=words) as caught:
            require_sqlite_database(path, create=False)
        assert caught.value.remedy == "Train a first version: vouch train"
        path.touch()


def test_a_database_that_another_program_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vouchml.registry.sqlite_database.UNLOCKED_WITHIN_SECONDS", 0.1)
    path = database(tmp_path / "mlflow.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RegistryUnreachable, match="database is locked") as caught:
            require_sqlite_database(path, create=False)
    assert "Another program" in caught.value.remedy
    require_sqlite_database(path, create=False)


def test_what_a_killed_program_left_half_written_is_no_damage(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db")
    code = (
        "import os, sqlite3, sys; database = sqlite3.connect(sys.argv[1]); "
        "database.execute('PRAGMA cache_size = 1'); database.execute('UPDATE experiments SET name = 0'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.with_name("mlflow.db-journal").exists()
    require_sqlite_database(path, create=True)
    assert damage(path) == ""
    with closing(sqlite3.connect(path)) as mended:
        assert mended.execute("SELECT count(*) FROM experiments WHERE length(name) = 100").fetchone() == (3000,)


@pytest.mark.parametrize("create", [False, True])
def test_a_database_that_may_not_be_read_is_told(open_folder: Path, create: bool) -> None:
    path = database(open_folder / "mlflow.db")
    path.chmod(0o000)
    with without_rights(), pytest.raises(RegistryUnreachable, match="unable to open") as caught:
        require_sqlite_database(path, create=create)
    assert "permission" in caught.value.remedy


def test_a_folder_that_may_not_be_entered_is_told(open_folder: Path) -> None:
    (open_folder / "closed").mkdir()
    path = database(open_folder / "closed" / "mlflow.db")
    path.parent.chmod(0o000)
    with without_rights(), pytest.raises(RegistryUnreachable, match="Permission denied") as caught:
        require_sqlite_database(path, create=True)
    path.parent.chmod(0o755)
    assert caught.value.remedy


def test_a_database_that_may_not_be_written_can_still_be_read(open_folder: Path) -> None:
    path = database(open_folder / "mlflow.db")
    path.chmod(0o444)
    with without_rights():
        require_sqlite_database(path, create=False)
        with pytest.raises(FolderNotWritable, match=r"mlflow\.db cannot be written: Permission denied"):
            require_sqlite_database(path, create=True)


def test_damage_is_found_behind_pages_that_look_right(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db")
    assert damage(path) == ""
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2 // 4096 * 4096
    whole[middle : middle + 8] = b"\x00" * 8
    path.write_bytes(bytes(whole))
    require_sqlite_database(path, create=False)
    assert damage(path)


def test_a_database_is_there_wholly_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "mlflow.db"

    def fail_halfway(new: Path) -> None:
        database(new)
        assert not path.exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_database(path, fill=fail_halfway)
    assert list(path.parent.iterdir()) == []
    make_database(path, fill=database)
    assert [each.name for each in path.parent.iterdir()] == ["mlflow.db"]
    require_sqlite_database(path, create=False)


def test_a_database_that_another_training_made_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"

    def too_late(new: Path) -> None:
        database(new, rows=1)
        database(path, rows=7)

    make_database(path, fill=too_late)
    with closing(sqlite3.connect(path)) as kept:
        assert kept.execute("SELECT count(*) FROM experiments").fetchone() == (7,)


def test_every_error_is_one_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "mlflow.db", tmp_path / "no folder" / "mlflow.db"):
        with pytest.raises(VouchError):
            require_sqlite_database(path, create=False)
