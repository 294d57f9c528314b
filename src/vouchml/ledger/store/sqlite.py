"""The ledger in one SQLite file: for one host, with as many processes as it has.

The write-ahead log with `synchronous = FULL` has every commit on disk before it returns. A payload is never moved in
the file, because records are only added at its end; so overwriting it in its place erases it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import apsw

from vouchml.ledger.leaf import Span
from vouchml.ledger.record import FREQUENT, SALT_BYTES, Record, RecordType, time_text
from vouchml.ledger.spans import extend
from vouchml.ledger.store import sqlite_lookup
from vouchml.ledger.store.base import ENTRIES_AT_ONCE, STORE_FORMAT, Appended, Checkpoint, Entry, Sign, parts_of
from vouchml.ledger.store.failures import (
    copy_left,
    no_record,
    nothing_to_erase,
    other_origin,
)
from vouchml.ledger.store.sqlite_connection import connect, rows, translated
from vouchml.ledger.store.sqlite_file import FileIdentity, make_file
from vouchml.ledger.store.sqlite_rows import RowWriter
from vouchml.ledger.store.sqlite_schema import TABLES
from vouchml.ledger.store.stored_leaf import cut, names, whole
from vouchml.ledger.store.table_rows import head_of, origin_of, require_origin, require_whole, with_served_of
from vouchml.ledger.tree import CompactRange, Node, leaf_hash

_LEAVES: Final = RowWriter("leaf", 4)
_PAYLOADS: Final = RowWriter("payload", 3)
_NODES: Final = RowWriter("node", 3)
_EVENTS: Final = RowWriter("event", 2)

#: What an erased salt is; a random one never is.
_ERASED: Final = bytes(SALT_BYTES)
_PREDICTION: Final = RecordType.PREDICTION

_ENTRIES: Final = (
    "SELECT leaf.idx, served, place, leaf.text, salt, body FROM leaf LEFT JOIN payload ON payload.idx = leaf.idx "
    "WHERE leaf.idx BETWEEN ? AND ? ORDER BY leaf.idx"
)
_LEAVES_ONLY: Final = "SELECT served, place, text FROM leaf WHERE idx BETWEEN ? AND ? ORDER BY idx"
# As long as what it overwrites, so that it is put in the same place.
_ZEROS: Final = "UPDATE payload SET salt = zeroblob(length(salt)), body = zeroblob(length(body)) "
_ERASE: Final = f"{_ZEROS}WHERE idx = ? AND salt <> zeroblob(length(salt))"
_PRUNE: Final = f"{_ZEROS}WHERE idx >= ? AND idx < ? AND salt <> zeroblob(length(salt))"
#: Most of those who ask for events want one of the latest.
_FIRST_EVENTS: Final = 4
_EVENTS_BEFORE: Final = "SELECT idx FROM event WHERE type = ? AND idx < ? ORDER BY idx DESC LIMIT ?"


class SqliteStore:
    """A connection to the ledger in a file. See `LedgerStore` for what its methods promise."""

    @classmethod
    def create(cls, path: Path, origin: str) -> None:
        """Make the tables of a ledger in the file at `path`, mode 0600; one of the same origin stays as it is.

        Raises:
            LedgerInvalid: there is another ledger, or something that is not a database.
            LedgerUnavailable: the file cannot be made or written.
        """
        make_file(path)
        connection = connect(path)
        try:
            with _transaction(connection, path.name):
                found = _described(connection, path.name)
                if found is None:
                    connection.execute(TABLES)
                    created = time_text(datetime.now(UTC))
                    connection.execute("INSERT INTO ledger VALUES (1, ?, ?, ?)", (origin, STORE_FORMAT, created))
                elif found != origin:
                    raise other_origin(path.name, found)
        finally:
            connection.close()

    def __init__(self, path: Path, *, must_be_whole: bool = True) -> None:
        """Open the ledger at `path`; to verify one, its head need not fit its records.

        Raises:
            LedgerInvalid: there is none, it is of another format, or its head does not fit its records.
            LedgerUnavailable: it cannot be opened.
        """
        self._name = path.name
        self._connection = connect(path)
        self._file = FileIdentity(path)
        self._served_ids: Mapping[bytes, int] = {}
        self._served_texts: dict[int, bytes] = {}
        try:
            with translated(self._name):
                self._origin = require_origin(_described(self._connection, self._name), self._name)
                if must_be_whole:
                    self._require_whole_head()
        except BaseException:
            self.close()
            raise

    def append(self, records: Sequence[Record], *, sign: Sign) -> Appended:
        """Append in one transaction; see `LedgerStore.append`."""
        hashes = [leaf_hash(record.leaf) for record in records]  # before the lock is taken
        self._file.require_same()
        with _transaction(self._connection, self._name):
            appended, served_ids = self._add(records, hashes, sign)
        self._served_ids = served_ids
        return appended

    def head(self) -> CompactRange:
        """The tree as it is now."""
        with translated(self._name):
            return self._head()

    def origin(self) -> str:
        """The name of this ledger in its checkpoints."""
        return self._origin

    def candidates(self, name: str) -> Sequence[int]:
        """The places of the records that may have the id `name`."""
        with _transaction(self._connection, self._name, "BEGIN"):
            return sqlite_lookup.candidates(self._connection, self._head().size, name)

    def find(self, name: str) -> tuple[int, ...]:
        """The places of the records with the id `name`."""
        with _transaction(self._connection, self._name, "BEGIN"):
            spans: list[Span] = []
            for index in sqlite_lookup.candidates(self._connection, self._head().size, name):
                extend(spans, index, index + 1)
            read = (self._read_entries(*span) for part in parts_of(spans) for span in part)
            return tuple(entry.index for entries in read for entry in entries if names(entry.leaf, name))

    def entry(self, index: int) -> Entry:
        """The record at a place."""
        with translated(self._name):
            return self._entry(index)

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        """The records from `start` up to `end`."""
        end = min(end, self.head().size)
        for first in range(start, end, ENTRIES_AT_ONCE):
            with translated(self._name):
                found = self._read_entries(first, min(first + ENTRIES_AT_ONCE, end))
            yield from found

    def read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """Hashes for proofs."""
        with translated(self._name):
            if level == 0:
                found = rows(self._connection, _LEAVES_ONLY, (start, end - 1))
                texts = self._texts_of({served for served, *_ in found})
                return [leaf_hash(whole(place, text, texts.get(served))) for served, place, text in found]
            found = rows(
                self._connection,
                "SELECT hash FROM node WHERE level = ? AND place >= ? AND place < ? ORDER BY place",
                (level, start, end),
            )
            return [value for (value,) in found]

    def checkpoints(self, since: int = 0) -> Iterator[Checkpoint]:
        """The checkpoints from `since` on."""
        while True:
            with translated(self._name):
                found = rows(
                    self._connection,
                    "SELECT size, note FROM checkpoint WHERE size >= ? ORDER BY size LIMIT ?",
                    (since, ENTRIES_AT_ONCE),
                )
            if not found:
                return
            yield from (Checkpoint(*row) for row in found)
            since = found[-1][0] + 1

    def latest_checkpoint(self) -> Checkpoint | None:
        """The checkpoint of the largest size."""
        with translated(self._name):
            found = rows(self._connection, "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return Checkpoint(*found[0]) if found else None

    def events(self, kind: RecordType, *, before: int | None = None) -> Iterator[Entry]:
        """The records of a type that is not frequent, the latest first."""
        end, at_once = self.head().size if before is None else before, _FIRST_EVENTS
        while True:
            with translated(self._name):
                found = rows(self._connection, _EVENTS_BEFORE, (kind.value, end, at_once))
                entries = [self._entry(index) for (index,) in found]
            if not entries:
                return
            yield from entries
            end, at_once = entries[-1].index, min(4 * at_once, ENTRIES_AT_ONCE)

    def erase(self, indexes: Sequence[int], records: Sequence[Record]) -> Appended:
        """Overwrite payloads and salts, append `records`, and leave no copy in the write-ahead log."""
        hashes = [leaf_hash(record.leaf) for record in records]
        with _transaction(self._connection, self._name):
            for index in indexes:
                self._connection.execute(_ERASE, (index,))
                if self._connection.changes() == 0:
                    raise nothing_to_erase(index)
            appended, served_ids = self._add(records, hashes, lambda _: None)
        self._served_ids = served_ids
        self.empty_log(indexes)
        return appended

    def prune(self, spans: Sequence[tuple[int, int]]) -> int:
        """Overwrite payloads and salts, and leave no copy in the write-ahead log."""
        pruned = 0
        for part in parts_of(spans):
            with _transaction(self._connection, self._name):
                for span in part:
                    self._connection.execute(_PRUNE, span)
                    pruned += self._connection.changes()
        self.empty_log()
        return pruned

    def empty_log(self, erased: Sequence[int] = ()) -> None:
        """Bring everything into the database, and cut the write-ahead log, with what it still has of erased payloads.

        `erased` are the places of those that were erased just now, for the error.

        Raises:
            LedgerUnavailable: other programs read or write all the time, so that it could not be cut.
        """
        with translated(self._name):
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError as error:
                why = f"another program reads what is older, so that {self._name}-wal could not be cut"
                raise copy_left("the write-ahead log", why, erased) from error

    def close(self) -> None:
        """Close the connection."""
        with suppress(apsw.Error):
            self._connection.close()

    def _add(
        self, records: Sequence[Record], hashes: Sequence[bytes], sign: Sign
    ) -> tuple[Appended, Mapping[bytes, int]]:
        """Within a transaction: write the records behind the head and move it; and the ids of all `served` then."""
        connection = self._connection
        before = self._head()
        after, nodes = before.extend(hashes)
        served_ids = with_served_of(self._served_ids, records, self._number_of)
        leaves: list[apsw.SQLiteValue] = []
        payloads: list[apsw.SQLiteValue] = []
        events: list[apsw.SQLiteValue] = []
        for index, record in enumerate(records, before.size):
            place, text = cut(record)
            leaves += (index, served_ids[record.served] if place else None, place, text)
            if record.payload is not None:
                payloads += (index, record.salt, record.payload)
            if record.type is not _PREDICTION and record.type not in FREQUENT:
                events += (record.type.value, index)
        _LEAVES.write(connection, leaves)
        _PAYLOADS.write(connection, payloads)
        _EVENTS.write(connection, events)
        sqlite_lookup.add(connection, before.size, records)
        _NODES.write(connection, _flat(nodes))
        if records:
            connection.execute("UPDATE head SET size = ?, range = ? WHERE id = 1", (after.size, after.to_bytes()))
        note = sign(after)
        if note is not None:
            self._add_checkpoint(after.size, note)
        return Appended(before.size, after.size), served_ids

    def _number_of(self, served: bytes) -> int:
        number = self._value("SELECT id FROM served WHERE text = ?", served)
        if number is None:
            number = self._value("INSERT INTO served(text) VALUES (?) RETURNING id", served)
        return int(number)

    def _add_checkpoint(self, size: int, note: str) -> None:
        self._connection.execute("INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT DO NOTHING", (size, note))

    def _head(self) -> CompactRange:
        return head_of(rows(self._connection, "SELECT size, range FROM head WHERE id = 1"))

    def _require_whole_head(self) -> None:
        statement = "SELECT size, range, (SELECT coalesce(max(idx), -1) + 1 FROM leaf) FROM head WHERE id = 1"
        require_whole(rows(self._connection, statement))

    def _entry(self, index: int) -> Entry:
        found = self._read_entries(index, index + 1)
        if not found:
            raise no_record(index)
        return found[0]

    def _read_entries(self, start: int, end: int) -> list[Entry]:
        found = rows(self._connection, _ENTRIES, (start, end - 1))
        texts = self._texts_of({served for _, served, *_ in found})
        return [
            Entry(
                index,
                whole(place, text, texts.get(served)),
                None if salt == _ERASED else salt,
                None if salt == _ERASED else body,
            )
            for index, served, place, text, salt, body in found
        ]

    def _texts_of(self, served: set[int | None]) -> Mapping[int, bytes]:
        """The texts of these `served`, and of others; one that the ledger lacks is missing."""
        if not served - {None} <= self._served_texts.keys():
            self._served_texts.update(rows(self._connection, "SELECT id, text FROM served"))
        return self._served_texts

    def _value(self, statement: str, value: apsw.SQLiteValue) -> Any:
        return self._connection.execute(statement, (value,)).get


@contextmanager
def _transaction(connection: apsw.Connection, name: str, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All or nothing of what is done inside. `BEGIN IMMEDIATE` waits until it is the only writer."""
    with translated(name):
        connection.execute(begin)
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # After some errors SQLite has rolled back by itself.
            with suppress(apsw.Error):
                connection.execute("ROLLBACK")
            raise


def _described(connection: apsw.Connection, name: str) -> str | None:
    """The origin of the ledger in a database; None where there is no ledger.

    Raises:
        LedgerInvalid: its format is another one.
    """
    tables = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'ledger'").get
    if not tables:
        return None
    return origin_of(rows(connection, "SELECT origin, format FROM ledger WHERE id = 1"), name)


def _flat(nodes: Sequence[Node]) -> list[apsw.SQLiteValue]:
    return [value for node in nodes for value in node]
