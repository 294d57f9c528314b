"""Find records by their ids in SQLite, at a cost per append that does not grow with the ledger.

Ids are random. In one index, every id would change a page of its own, and writing pages would cost several times as
much as all else of a record. So the entries of an append go, as they come, into one row of `lookup_recent`. Whenever
a *run* of 4,096 records is full, its entries are sorted and moved to `lookup_run`; and sixteen runs to one *block* of
65,536 records in `lookup_block`. A search looks once into every block and run, and reads through what is recent.

An entry is 8 bytes: 6 of the id's key, and 2 of the record's place within its block. A row of a run or block holds
the sorted entries between two keys; its id is the number of the run or block, and the first 5 bytes of its first key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import apsw
import numpy as np

from vouchml.ledger.record import Record
from vouchml.ledger.store.lookup_key import lookup_key
from vouchml.ledger.store.sqlite_connection import rows
from vouchml.ledger.store.sqlite_rows import RowWriter

_SLOT_BITS: Final = 7
_RUN_BITS: Final = 12
_BLOCK_BITS: Final = 16
_RUN: Final = 1 << _RUN_BITS
_IN_BLOCK: Final = (1 << _BLOCK_BITS) - 1

_KEY_BYTES: Final = 6
_ENTRY_BYTES: Final = 8
#: The bits of an entry that are in the id of its row, and those that are not.
_ROW_KEY_BITS: Final = 40
_BELOW_ROW_KEY: Final = 8 * _ENTRY_BYTES - _ROW_KEY_BITS
_ENTRIES_A_ROW: Final = 120

# The bytes stay bytes: SQLite calls what it joins a text.
_ADD_RECENT: Final = (
    "INSERT INTO lookup_recent VALUES (?1, ?2) "
    "ON CONFLICT (slot) DO UPDATE SET entries = CAST(entries || excluded.entries AS BLOB)"
)
_RUNS: Final = RowWriter("lookup_run", 2)
_BLOCKS: Final = RowWriter("lookup_block", 2)


def add(connection: apsw.Connection, first: int, records: Sequence[Record]) -> None:
    """Let the `records`, which are at the places from `first` on, be found by their ids. Part of a transaction."""
    position = 0
    while position < len(records):
        start = first + position
        room = _RUN - start % _RUN
        part = records[position : position + room]
        entries = _entries(start, part)
        if entries:
            connection.execute(_ADD_RECENT, (start >> _SLOT_BITS, entries))
        if len(part) == room:
            _complete_run(connection, start >> _RUN_BITS)
        position += room


def candidates(connection: apsw.Connection, size: int, name: str) -> list[int]:
    """The places, in order, of the records that may have the id `name`, in a ledger of `size` records."""
    key = lookup_key(name)[:_KEY_BYTES]
    found: set[int] = set()
    blocks, runs = size >> _BLOCK_BITS, size >> _RUN_BITS
    for block, entries in _rows_of(connection, "lookup_block", 0, blocks, key):
        found.update(_places(entries, key, block))
    for run, entries in _rows_of(connection, "lookup_run", blocks << (_BLOCK_BITS - _RUN_BITS), runs, key):
        found.update(_places(entries, key, run >> (_BLOCK_BITS - _RUN_BITS)))
    for slot, entries in rows(connection, "SELECT slot, entries FROM lookup_recent"):
        found.update(_places(entries, key, slot >> (_BLOCK_BITS - _SLOT_BITS)))
    return sorted(found)


def _entries(first: int, records: Sequence[Record]) -> bytes:
    entries = []
    for index, record in enumerate(records, first):
        place = (index & _IN_BLOCK).to_bytes(2)
        for name in record.ids:
            entries.append(lookup_key(name)[:_KEY_BYTES] + place)
    return b"".join(entries)


def _complete_run(connection: apsw.Connection, run: int) -> None:
    slots = _RUN_BITS - _SLOT_BITS
    entries = _take(connection, "lookup_recent", "slot", run << slots, (run + 1) << slots)
    _RUNS.write(connection, _rows(run, entries))
    in_block = _BLOCK_BITS - _RUN_BITS
    if (run + 1) % (1 << in_block) == 0:
        block = run >> in_block
        first = block << in_block << _ROW_KEY_BITS
        entries = _take(connection, "lookup_run", "id", first, (run + 1) << _ROW_KEY_BITS)
        _BLOCKS.write(connection, _rows(block, entries))


def _take(connection: apsw.Connection, table: str, column: str, start: int, end: int) -> bytes:
    where = f"FROM {table} WHERE {column} >= ? AND {column} < ?"
    taken = rows(connection, f"SELECT entries {where}", (start, end))
    connection.execute(f"DELETE {where}", (start, end))
    return b"".join(entries for (entries,) in taken)


def _rows(number: int, entries: bytes) -> list[apsw.SQLiteValue]:
    """The rows of run or block `number`. Entries whose row would have the same id stay together in one."""
    numbers = np.unique(np.frombuffer(entries, ">u8").astype(np.uint64))
    if not numbers.size:
        return []
    row_keys = numbers >> np.uint64(_BELOW_ROW_KEY)
    # Where every 120th entry stands, a row begins: at the first entry of the same row key.
    starts = np.unique(np.searchsorted(row_keys, row_keys[::_ENTRIES_A_ROW]))
    content = numbers.astype(">u8").tobytes()
    ends = [*starts[1:].tolist(), numbers.size]
    values: list[apsw.SQLiteValue] = []
    for start, end in zip(starts.tolist(), ends, strict=True):
        values.append(number << _ROW_KEY_BITS | int(row_keys[start]))
        values.append(content[start * _ENTRY_BYTES : end * _ENTRY_BYTES])
    return values


def _rows_of(connection: apsw.Connection, table: str, start: int, end: int, key: bytes) -> list[tuple[int, bytes]]:
    """The one row in which `key` would be, of each run or block from `start` to `end`."""
    if start >= end:
        return []
    row_key = int.from_bytes(key) >> (8 * _KEY_BYTES - _ROW_KEY_BITS)
    found = rows(
        connection,
        "WITH RECURSIVE part(number) AS (VALUES (?1) UNION ALL SELECT number + 1 FROM part WHERE number + 1 < ?2) "  # noqa: S608
        f"SELECT number, (SELECT entries FROM {table} WHERE id BETWEEN number << {_ROW_KEY_BITS} "
        f"AND number << {_ROW_KEY_BITS} | ?3 ORDER BY id DESC LIMIT 1) FROM part",
        (start, end, row_key),
    )
    return [(number, entries) for number, entries in found if entries is not None]


def _places(entries: bytes, key: bytes, block: int) -> Iterator[int]:
    found = entries.find(key)
    while found >= 0:
        if found % _ENTRY_BYTES == 0:
            place = int.from_bytes(entries[found + _KEY_BYTES : found + _ENTRY_BYTES])
            yield block << _BLOCK_BITS | place
        found = entries.find(key, found + 1)
