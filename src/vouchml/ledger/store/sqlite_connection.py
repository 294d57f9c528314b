"""A connection to SQLite that keeps what it was given: its settings, and what its errors mean.

The settings are read back after they were made, because SQLite passes over those that it cannot keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

from vouchml.errors import LedgerInvalid, LedgerUnavailable, VouchError
from vouchml.ledger.store.base import WAITS_SECONDS
from vouchml.ledger.store.failures import VERIFY, no_ledger

#: Before it, connections that write at the same time can damage a database with a write-ahead log.
SAFE_WAL: Final = (3, 51, 3)
#: A group of records fills some pages, and changes one of each table besides: with larger pages it is fewer of them.
PAGE_BYTES: Final = 8192
#: Pages of the write-ahead log, 4 MiB, after which a commit moves them to the database; with more it takes longer.
WAL_PAGES: Final = 4 * 1024 * 1024 // PAGE_BYTES
#: Statements of every number of rows stay prepared.
_STATEMENTS_KEPT: Final = 512
#: FULL, with which a commit to a write-ahead log is on disk; with a rollback journal it is when the journal's removal
#: is, for which it takes EXTRA.
_SYNCHRONOUS: Final = {"wal": 2, "delete": 3}

_SPACE: Final = "Free some space there; the next record is written when there is room."
_REMEDIES: Final[Mapping[type[apsw.Error], str]] = {
    apsw.BusyError: "Another program holds the ledger for long: find and end it.",
    apsw.LockedError: "Another program holds the ledger for long: find and end it.",
    apsw.FullError: _SPACE,
    apsw.IOError: "Check the disk and the space that is left on it.",
    apsw.CantOpenError: "Give yourself permission to read and write it and its folder.",
    apsw.ReadOnlyError: "Give yourself permission to read and write it and its folder.",
    apsw.PermissionsError: "Give yourself permission to read and write it and its folder.",
}
_DAMAGED: Final = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.ConstraintError)


def connect(path: Path) -> apsw.Connection:
    """Open the database at `path` with the settings that a ledger needs.

    Raises:
        LedgerInvalid: it is not there, or not a database.
        LedgerUnavailable: it cannot be opened, or does not take the settings.
    """
    if not path.exists():
        raise no_ledger(path.name)
    with translated(path.name):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_STATEMENTS_KEPT)
        try:
            connection.set_busy_timeout(round(WAITS_SECONDS * 1000))
            _settle(connection, journal_mode(sqlite_version()))
        except BaseException:
            connection.close()
            raise
    return connection


def rows(connection: apsw.Connection, statement: str, values: Sequence[apsw.SQLiteValue] = ()) -> list[tuple[Any, ...]]:
    """All rows that a statement gives."""
    return connection.execute(statement, values).fetchall()


def sqlite_version() -> tuple[int, ...]:
    """The version of the SQLite inside apsw."""
    return tuple(int(part) for part in apsw.sqlite_lib_version().split("."))


def journal_mode(version: tuple[int, ...]) -> str:
    """The journal that is safe with several writers: a write-ahead log, unless SQLite is too old for it."""
    return "wal" if version >= SAFE_WAL else "delete"


def _settle(connection: apsw.Connection, journal: str) -> None:
    # Only a database without tables takes it.
    connection.pragma("page_size", PAGE_BYTES)
    wanted = {
        "journal_mode": journal,
        "synchronous": _SYNCHRONOUS[journal],
        "secure_delete": 1,
        "foreign_keys": 1,
        "temp_store": 2,  # in memory: no copy of a payload gets into a temporary file
        "wal_autocheckpoint": WAL_PAGES,
        "cell_size_check": 1,
        "trusted_schema": 0,
    }
    for name, value in wanted.items():
        connection.pragma(name, value)
        found = connection.pragma(name)
        if found != value:
            raise LedgerUnavailable(
                f"The ledger's database does not take the setting {name} = {value}; it has {found}.",
                remedy="Keep it on a local disk that its user may write.",
            )
    connection.pragma("cache_size", -16_000)  # KiB


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn the errors of SQLite on the database `name` into ours.

    Raises:
        LedgerInvalid: it is damaged, or not a database.
        LedgerUnavailable: anything else.
    """
    try:
        yield
    except VouchError:
        raise
    except _DAMAGED as error:
        raise LedgerInvalid(f"{name} is damaged or not a ledger: {error}.", remedy=VERIFY) from error
    except (apsw.Error, OSError, MemoryError) as error:
        remedy = _REMEDIES.get(type(error), "") if isinstance(error, apsw.Error) else _SPACE
        raise LedgerUnavailable(f"The ledger {name} cannot be used: {error}.", remedy=remedy) from error
