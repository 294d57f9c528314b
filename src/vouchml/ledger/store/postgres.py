"""The ledger in PostgreSQL: one log for many hosts.

Who appends holds the row of the head, so that appends are one after the other whatever host they come from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from vouchml.errors import LedgerUnavailable
from vouchml.ledger.record import Record, RecordType, time_text
from vouchml.ledger.store.base import (
    ENTRIES_AT_ONCE,
    STORE_FORMAT,
    WAITS_SECONDS,
    Appended,
    Checkpoint,
    Entry,
    Sign,
    parts_of,
)
from vouchml.ledger.store.failures import (
    no_record,
    nothing_to_erase,
    other_origin,
)
from vouchml.ledger.store.postgres_connection import Connection, connect, translated
from vouchml.ledger.store.postgres_rewrite import rewrite_payloads
from vouchml.ledger.store.postgres_rows import add_checkpoint, add_nodes, add_records, number_of_served, signed_key
from vouchml.ledger.store.postgres_schema import SERVICE_RIGHTS, TABLES
from vouchml.ledger.store.stored_leaf import names, whole
from vouchml.ledger.store.table_rows import head_of, origin_of, require_origin, require_whole, with_served_of
from vouchml.ledger.tree import CompactRange, leaf_hash

_NAME: Final = "the database"
#: Held by who makes the tables, so that two at once do not.
_CREATING: Final = 0x766F756368
_LOOKS_AGAIN_SECONDS: Final = 0.1

_SELECT_ENTRIES: Final = (
    "SELECT leaf.idx, served, place, leaf.text, salt, body FROM leaf LEFT JOIN payload ON payload.idx = leaf.idx "
)
_ENTRIES: Final = _SELECT_ENTRIES + "WHERE leaf.idx >= %s AND leaf.idx < %s ORDER BY leaf.idx"
_ENTRIES_AT: Final = _SELECT_ENTRIES + "WHERE leaf.idx = ANY(%s) ORDER BY leaf.idx"
_FIND: Final = (
    "SELECT lookup.idx FROM generate_series(0, (SELECT size >> 16 FROM head)) AS each "
    "JOIN lookup ON lookup.bucket = each AND lookup.key = %s ORDER BY lookup.idx"
)


class PostgresStore:
    """A connection to the ledger of a PostgreSQL database. See `LedgerStore` for what its methods promise."""

    @classmethod
    def create(cls, url: str, origin: str) -> None:
        """Make the tables of a ledger, owned by the role of `url`; one of the same origin stays as it is.

        Raises:
            LedgerInvalid: there is another ledger.
            LedgerUnavailable: the server cannot be reached, or refuses.
        """
        with translated(), connect(url) as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATING,))
            found = _described(connection)
            if found is None:
                connection.execute(TABLES)
                created = time_text(datetime.now(UTC))
                connection.execute(
                    "INSERT INTO ledger VALUES (1, %s, %s, %s)",
                    (origin, STORE_FORMAT, created),
                )
            elif found != origin:
                raise other_origin(_NAME, found)

    @classmethod
    def grant_service_role(cls, url: str, role: str) -> None:
        """Let `role`, which must be there, add to the ledger of `url`, whose owner `url` names, and no more than that.

        Raises:
            LedgerUnavailable: the server cannot be reached, or refuses.
        """
        with translated(), connect(url) as connection, connection.transaction():
            for statement in SERVICE_RIGHTS:
                connection.execute(sql.SQL(statement).format(role=sql.Identifier(role)))

    def __init__(self, url: str, *, must_be_whole: bool = True) -> None:
        """Open the ledger of the database that `url` names; to verify one, its head need not fit its records.

        Raises:
            LedgerInvalid: there is none, it is of another format, or its head does not fit its records.
            LedgerUnavailable: the server cannot be reached, or refuses.
        """
        self._url = url
        self._connection = connect(url)
        self._served_ids: Mapping[bytes, int] = {}
        self._served_texts: dict[int, bytes] = {}
        try:
            with translated():
                self._origin = require_origin(_described(self._connection), _NAME)
            if must_be_whole:
                self._require_whole_head()
        except BaseException:
            self.close()
            raise

    def append(self, records: Sequence[Record], *, sign: Sign) -> Appended:
        """Append in one transaction; see `LedgerStore.append`."""
        return self._append(records, sign)

    def head(self) -> CompactRange:
        """The tree as it is now."""
        return head_of(self._rows("SELECT size, range FROM head WHERE id = 1"))

    def origin(self) -> str:
        """The name of this ledger in its checkpoints."""
        return self._origin

    def candidates(self, name: str) -> Sequence[int]:
        """The places of the records that may have the id `name`."""
        return sorted({index for (index,) in self._rows(_FIND, (signed_key(name),))})

    def find(self, name: str) -> tuple[int, ...]:
        """The places of the records with the id `name`."""
        places = self.candidates(name)
        parts = (places[start : start + ENTRIES_AT_ONCE] for start in range(0, len(places), ENTRIES_AT_ONCE))
        return tuple(
            entry.index for part in parts for entry in self._entries_of(_ENTRIES_AT, (part,)) if names(entry.leaf, name)
        )

    def entry(self, index: int) -> Entry:
        """The record at a place."""
        found = self._read_entries(index, index + 1)
        if not found:
            raise no_record(index)
        return found[0]

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        """The records from `start` up to `end`."""
        end = min(end, self.head().size)
        for first in range(start, end, ENTRIES_AT_ONCE):
            yield from self._read_entries(first, min(first + ENTRIES_AT_ONCE, end))

    def read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """Hashes for proofs."""
        if level == 0:
            return [leaf_hash(entry.leaf) for entry in self._read_entries(start, end)]
        rows = self._rows(
            "SELECT hash FROM node WHERE level = %s AND place >= %s AND place < %s ORDER BY place",
            (level, start, end),
        )
        return [value for (value,) in rows]

    def checkpoints(self, since: int = 0) -> Iterator[Checkpoint]:
        """The checkpoints from `since` on."""
        statement = "SELECT size, note FROM checkpoint WHERE size >= %s ORDER BY size LIMIT %s"
        while rows := self._rows(statement, (since, ENTRIES_AT_ONCE)):
            yield from (Checkpoint(*row) for row in rows)
            since = rows[-1][0] + 1

    def latest_checkpoint(self) -> Checkpoint | None:
        """The checkpoint of the largest size."""
        rows = self._rows("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return Checkpoint(*rows[0]) if rows else None

    def events(self, kind: RecordType, *, before: int | None = None) -> Iterator[Entry]:
        """The records of a type that is not frequent, the latest first."""
        statement = "SELECT idx FROM event WHERE type = %s AND idx < %s ORDER BY idx DESC LIMIT %s"
        end = self.head().size if before is None else before
        while found := self._rows(statement, (kind.value, end, ENTRIES_AT_ONCE)):
            yield from (self.entry(index) for (index,) in found)
            end = found[-1][0]

    def erase(self, indexes: Sequence[int], records: Sequence[Record]) -> Appended:
        """Delete payloads and salts, and append `records`; for the owner of the tables.

        The table is written anew, since a deleted row stays in its file: meanwhile nobody else reads or writes
        payloads. PostgreSQL's own log has the row until it is recycled.
        """

        def delete(connection: Connection) -> None:
            statement = "DELETE FROM payload WHERE idx = ANY(%s::bigint[]) RETURNING idx"
            deleted = {index for (index,) in connection.execute(statement, (list(indexes),)).fetchall()}
            for index in indexes:
                if index not in deleted:
                    raise nothing_to_erase(index)

        appended = self._append(records, lambda _: None, first=delete)
        rewrite_payloads(self._connected(), indexes)
        return appended

    def prune(self, spans: Sequence[tuple[int, int]]) -> int:
        """Delete payloads and salts; for the owner of the tables.

        Their bytes stay in the table's file until later payloads take their room: others read and write meanwhile.
        """
        pruned = 0
        with translated():
            for part in parts_of(spans):
                deleted = self._connected().execute(
                    "DELETE FROM payload USING unnest(%s::bigint[], %s::bigint[]) AS span(first, beyond) "
                    "WHERE idx >= first AND idx < beyond",
                    ([start for start, _ in part], [end for _, end in part]),
                )
                pruned += deleted.rowcount
            self._connected().execute("VACUUM payload")
        return pruned

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _append(
        self, records: Sequence[Record], sign: Sign, first: Callable[[Connection], None] = lambda _: None
    ) -> Appended:
        hashes = [leaf_hash(record.leaf) for record in records]  # before the lock is taken
        appended: Appended | None = None
        try:
            with _transaction(self._connected()) as connection:
                before = _locked_head(connection)
                first(connection)
                appended, served_ids = self._add(connection, before, records, hashes, sign)
        except LedgerUnavailable:
            # Where the connection broke after all was sent, the commit may have been done all the same.
            if appended is None or not records or not self._connection.closed:
                raise
            if not self._is_committed(appended.first_index, records):
                raise
            return appended
        self._served_ids = served_ids
        return appended

    def _add(
        self,
        connection: Connection,
        before: CompactRange,
        records: Sequence[Record],
        hashes: Sequence[bytes],
        sign: Sign,
    ) -> tuple[Appended, Mapping[bytes, int]]:
        """Within a transaction: write the records behind the head and move it; and the ids of all `served` then."""
        after, nodes = before.extend(hashes)
        served_ids = with_served_of(self._served_ids, records, partial(number_of_served, connection))
        if records:
            add_records(connection, before.size, records, served_ids)
            add_nodes(connection, nodes)
            connection.execute(
                "UPDATE head SET size = %s, range = %b WHERE id = 1",
                (after.size, after.to_bytes()),
            )
        note = sign(after)
        if note is not None:
            add_checkpoint(connection, after.size, note)
        return Appended(before.size, after.size), served_ids

    def _is_committed(self, first_index: int, records: Sequence[Record]) -> bool:
        """Whether a commit, whose answer was lost, was done. The lock on the head waits for its end.

        Raises:
            LedgerUnavailable: this cannot be found out now.
        """
        deadline = time.monotonic() + WAITS_SECONDS
        while True:
            try:
                with _transaction(self._connected()) as connection:
                    _locked_head(connection)
                    found = self._read_entries(first_index, first_index + 1)
                    return bool(found) and found[0].leaf == records[0].leaf
            except LedgerUnavailable as error:
                if time.monotonic() > deadline:
                    raise LedgerUnavailable(
                        f"The connection to the ledger broke at a commit; whether its {len(records)} records from "
                        f"{first_index} on are there is not known.",
                        remedy="Look them up when it answers again, before they are sent another time.",
                    ) from error
                time.sleep(_LOOKS_AGAIN_SECONDS)

    def _require_whole_head(self) -> None:
        statement = "SELECT size, range, (SELECT coalesce(max(idx), -1) + 1 FROM leaf) FROM head WHERE id = 1"
        require_whole(self._rows(statement))

    def _read_entries(self, start: int, end: int) -> list[Entry]:
        return self._entries_of(_ENTRIES, (start, end))

    def _entries_of(self, statement: LiteralString, values: Sequence[Any]) -> list[Entry]:
        rows = self._rows(statement, values)
        texts = self._served_texts
        if any(served not in texts for _, served, *_ in rows if served is not None):
            texts.update(self._rows("SELECT id, text FROM served"))
        return [
            Entry(index, whole(place, text, texts.get(served)), salt, body)
            for index, served, place, text, salt, body in rows
        ]

    def _rows(self, statement: LiteralString, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with translated():
            return self._connected().execute(statement, values, binary=True).fetchall()

    def _connected(self) -> Connection:
        """The connection, made again if it broke."""
        if self._connection.closed:
            self._connection = connect(self._url)
        return self._connection


@contextmanager
def _transaction(connection: Connection) -> Iterator[Connection]:
    """All or nothing of what is done inside. What is sent inside waits for no answer, unless one is fetched."""
    with translated():
        try:
            with connection.pipeline():
                connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                yield connection
                connection.execute("COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            raise


def _locked_head(connection: Connection) -> CompactRange:
    statement = "SELECT size, range FROM head WHERE id = 1 FOR UPDATE"
    return head_of(connection.execute(statement, binary=True).fetchall())


def _described(connection: Connection) -> str | None:
    """The origin of the ledger in a database; None where there is no ledger.

    Raises:
        LedgerInvalid: its format is another one.
    """
    ((table,),) = connection.execute("SELECT to_regclass(%s)::text", ("ledger",)).fetchall()
    if table is None:
        return None
    return origin_of(connection.execute("SELECT origin, format FROM ledger WHERE id = 1").fetchall(), _NAME)
