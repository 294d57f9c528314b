"""Whether an SQLite file can be MLflow's store, found out before MLflow is loaded.

MLflow tries ten times, over a minute and a half, to open a database that cannot be opened, and it makes its tables in
any database that can, also in one of another program.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote

from vouchml.errors import FolderNotWritable, RegistryUnreachable

UNLOCKED_WITHIN_SECONDS: Final = 5.0
_TABLE_OF_MLFLOW: Final = "experiments"
_TRAIN_FIRST: Final = "Train a first version: vouch train"

MAKE_WRITABLE: Final = "Give yourself write permission to it and to its folder."
FREE_SPACE: Final = "Free some space there, and try again."
_START_ANEW: Final = "Put a copy of it back, or move the file away and train anew."

#: What SQLite says, and what to do about it.
_REMEDIES: Final = {
    "database is locked": "Another program is writing to it: wait until it has ended, and try again.",
    "readonly database": MAKE_WRITABLE,
    "unable to open database file": "Give yourself permission to read it, and to write to its folder.",
    "disk is full": FREE_SPACE,
    "No space left": FREE_SPACE,
    "disk I/O error": "Check the disk and the space that is left on it.",
    "malformed": _START_ANEW,
    "not a database": _START_ANEW,
}


def require_sqlite_database(path: Path, *, create: bool) -> None:
    """Check the database at `path`; with `create` it is about to be written, and need not be there yet.

    A service shows what is wrong with its registry to everybody, so only what to do names the folder.

    Raises:
        RegistryUnreachable: it is not there, cannot be opened, is damaged, or is not MLflow's.
        FolderNotWritable: it is to be written, and this user may not.
    """
    if not _is_there(path):
        if not create:
            raise RegistryUnreachable(f"There is no {path.name} yet.", remedy=_TRAIN_FIRST)
        return
    tables = _tables(path)
    if tables and _TABLE_OF_MLFLOW not in tables:
        raise RegistryUnreachable(
            f"{path.name} is a database of another program, not of MLflow.",
            remedy=f"Mend [project] tracking_uri or MLFLOW_TRACKING_URI: one of them names {path}.",
        )
    if create:
        _require_writable(path)
        return
    if not tables:
        raise RegistryUnreachable(f"There is nothing in {path.name} yet.", remedy=_TRAIN_FIRST)


def is_new(path: Path) -> bool:
    """Whether there is no database at `path` yet, or an empty file that can become one."""
    return not path.exists() or path.stat().st_size == 0


def make_database(path: Path, *, fill: Callable[[Path], object]) -> None:
    """Let `fill` make the tables in a file beside `path`, and put it there in one step.

    MLflow does not go on with tables that it made half: a creation that is stopped, or two at the same time, must
    not leave such a database.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        new = Path(folder, path.name)
        fill(new)
        if is_new(path):
            new.replace(path)


def damage(path: Path) -> str:
    """What SQLite's own check finds first in the pages of the database at `path`; nothing when it is whole.

    Raises:
        RegistryUnreachable: it cannot be opened.
    """
    try:
        with closing(_opened(path)) as database:
            found = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    return "" if found is None or found[0] == "ok" else " ".join(str(found[0]).split())


def remedy_for(text: str) -> str:
    """What to do about an error of SQLite's or of the disk below it; nothing when it is another one."""
    return next((remedy for words, remedy in _REMEDIES.items() if words in text), "")


def _is_there(path: Path) -> bool:
    try:
        if path.is_dir():
            raise RegistryUnreachable(
                f"{path.name} is a folder, not a database.", remedy=f"Move {path} away, or mend [project] tracking_uri."
            )
        return path.exists()
    except OSError as error:
        raise RegistryUnreachable(
            f"{path.name} cannot be used: {error.strerror or 'no reason given'}.",
            remedy=f"Give yourself permission to enter {path.parent}, or mend [project] tracking_uri.",
        ) from error


def _tables(path: Path) -> frozenset[str]:
    try:
        with closing(_opened(path)) as database:
            rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    # What a creation that was stopped leaves first says nothing about whose database it is.
    return frozenset(name for (name,) in rows if not name.startswith("alembic_"))


def _unusable(path: Path, error: sqlite3.Error) -> RegistryUnreachable:
    remedy = remedy_for(str(error)) or "Check [project] tracking_uri."
    return RegistryUnreachable(f"{path.name} cannot be used: {error}.", remedy=f"{remedy} It is {path}.")


def _opened(path: Path) -> sqlite3.Connection:
    # Not read-only, where that is possible: what a killed program left half-written is mended by who may write.
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=UNLOCKED_WITHIN_SECONDS)


def _require_writable(path: Path) -> None:
    try:
        with path.open("r+b"):
            pass
    except OSError as error:
        raise FolderNotWritable(
            f"{path} cannot be written: {error.strerror or 'no reason given'}.",
            remedy="Give yourself write permission, or set [project] tracking_uri to another place.",
        ) from error
