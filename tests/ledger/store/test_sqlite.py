"""What only the store in a file promises: its settings, its modes, its lookups, and bytes that are gone."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.store.made_up import erasure, prediction, predictions, unsigned

from vouchml.errors import LedgerInvalid, LedgerUnavailable
from vouchml.ledger.record import Record, RecordType
from vouchml.ledger.store import Appended, create_store, grant_service_role
from vouchml.ledger.store.lookup_key import lookup_key
from vouchml.ledger.store.sqlite import SqliteStore
from vouchml.ledger.store.sqlite_connection import connect, journal_mode, sqlite_version


@pytest.fixture
def store(sqlite_file: Path) -> Iterator[SqliteStore]:
    """An empty ledger, open."""
    with closing(SqliteStore(sqlite_file)) as opened:
        yield opened


def _files(database: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in database.parent.iterdir()}


def test_every_connection_has_each_commit_on_disk_and_overwrites_what_it_deletes(sqlite_file: Path) -> None:
    for _ in range(2):
        with closing(connect(sqlite_file)) as connection:
            names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys", "temp_store", "trusted_schema")
            assert [connection.pragma(name) for name in names] == ["wal", 2, 1, 1, 2, 0]


def test_a_setting_that_is_not_taken_is_noticed(monkeypatch: pytest.MonkeyPatch, sqlite_file: Path) -> None:
    monkeypatch.setattr("vouchml.ledger.store.sqlite_connection._SYNCHRONOUS", {"wal": 7})
    with pytest.raises(LedgerUnavailable, match="synchronous = 7"):
        SqliteStore(sqlite_file)


def test_the_write_ahead_log_is_used_from_the_version_on_that_does_not_damage_it() -> None:
    assert sqlite_version() >= (3, 51, 3)
    assert [journal_mode(version) for version in ((3, 40, 1), (3, 51, 2), (3, 51, 3), (3, 54))] == [
        "delete",
        "delete",
        "wal",
        "wal",
    ]


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = tmp_path / "new folder" / "ledger.db"
        create_store(f"sqlite:///{file}", "origin")
        with closing(SqliteStore(file)) as store:
            store.append(predictions(1), sign=unsigned)
            assert {path.name: oct(path.stat().st_mode & 0o777) for path in file.parent.iterdir()} == {
                "ledger.db": "0o600",
                "ledger.db-wal": "0o600",
                "ledger.db-shm": "0o600",
            }
    finally:
        os.umask(before)


def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are notes, and no database at all. " * 100)
    before = file.read_bytes()
    for attempt in (lambda: SqliteStore(file), lambda: SqliteStore.create(file, "origin")):
        with pytest.raises(LedgerInvalid, match=r"notes\.txt is damaged or not a ledger"):
            attempt()
    assert file.read_bytes() == before


def test_a_database_of_another_program_is_no_ledger(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute("CREATE TABLE t(a)")
    with pytest.raises(LedgerInvalid, match="There is no ledger"):
        SqliteStore(file)


def test_no_byte_of_an_erased_payload_or_salt_is_left(store: SqliteStore, sqlite_file: Path) -> None:
    # Small and large ones, beside each other and on pages of their own.
    records = [prediction(payload=os.urandom(size)) for size in (20, 500, 500, 3000, 5000, 40_000, 500, 20) * 20]
    for start in range(0, len(records), 11):
        store.append(records[start : start + 11], sign=unsigned)
    store.empty_log()
    store.append(predictions(300), sign=unsigned)
    gone = [*range(0, len(records), 3), 7, 8]
    for index in gone:
        store.erase([index], [erasure(index)])
    content = b"".join(_files(sqlite_file).values())
    for index, record in enumerate(records):
        assert record.salt is not None
        assert record.payload is not None
        for secret in (record.salt, record.payload[:12], record.payload[-12:]):
            assert (secret in content) == (index not in gone), index
    for index in gone[:3]:
        assert store.entry(index).payload is None


def test_a_reader_keeps_no_payload_from_being_erased_and_the_error_says_what_is_gone_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch, sqlite_file: Path
) -> None:
    monkeypatch.setattr("vouchml.ledger.store.sqlite_connection.WAITS_SECONDS", 0.1)
    with closing(SqliteStore(sqlite_file)) as store, closing(apsw.Connection(str(sqlite_file))) as reader:
        records = predictions(3)
        store.append(records, sign=unsigned)
        reading = reader.execute("SELECT * FROM record, (VALUES (1), (2))")
        next(reading)
        with pytest.raises(LedgerUnavailable, match="Erased, but the write-ahead log still has a copy") as caught:
            store.erase([0, 2], [erasure(0), erasure(2)])
        assert "All 2 payloads" in caught.value.message
        assert "records 0, 2" in caught.value.message
        assert "the same command again" in caught.value.remedy
        assert [store.entry(index).payload is None for index in range(3)] == [True, False, True]
        assert store.head().size == 5
        reading.close()
        store.erase([], [])
        assert sqlite_file.with_name(f"{sqlite_file.name}-wal").stat().st_size == 0
        assert store.head().size == 5
        assert records[0].salt is not None
        assert records[0].salt not in sqlite_file.read_bytes()


def test_a_file_has_no_roles(sqlite_file: Path) -> None:
    with pytest.raises(LedgerInvalid, match="has no roles"):
        grant_service_role(f"sqlite:///{sqlite_file}", "service")


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_written_to_a_file_that_was_moved_away(sqlite_file: Path, replaced: bool) -> None:
    with closing(SqliteStore(sqlite_file)) as store:
        store.append(predictions(1), sign=unsigned)
        moved = sqlite_file.rename(sqlite_file.with_name("moved.db"))
        if replaced:
            sqlite_file.write_bytes(b"")
        with pytest.raises(LedgerUnavailable, match="moved, deleted or replaced"):
            store.append(predictions(1), sign=unsigned)
        moved.rename(sqlite_file)
        assert store.append(predictions(1), sign=unsigned) == Appended(1, 2)


def test_reading_on_takes_no_more_memory_for_a_longer_log(store: SqliteStore) -> None:
    for _ in range(40):
        store.append([prediction(payload=bytes(1000)) for _ in range(500)], sign=unsigned)
    tracemalloc.start()
    try:
        assert sum(1 for _ in store.entries(0, 20_000)) == 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000  # all at once are more than 25 MB


def _record(index: int) -> Record:
    # Every tenth id is shared with others, and one by very many.
    names = (
        f"{index * 0x9E3779B97F4A7C15 % 2**64:016x}{0:016x}",
        f"request {index // 10}",
        *["all"] * (index % 50 == 0),
    )
    return Record(RecordType.PREDICTION, "".join(f'"{name}"' for name in names).encode(), ids=names)


def test_ids_are_found_in_blocks_in_runs_and_among_the_recent(store: SqliteStore) -> None:
    size = 2 * 65_536 + 2 * 4096 + 1000
    first = 0
    for count in (1, 5, 4000, 90, 300, 60_000, 1, 70_000):
        first = store.append([_record(index) for index in range(first, first + count)], sign=unsigned).size
    store.append([_record(index) for index in range(first, size)], sign=unsigned)
    for index in (0, 1, 127, 4095, 4096, 65_535, 65_536, 131_071, 131_072, 139_263, 139_264, size - 1):
        assert store.find(_record(index).ids[0]) == (index,)
        assert index in store.find(f"request {index // 10}")
    assert store.find("request 100") == tuple(range(1000, 1010))
    assert store.find("all") == tuple(range(0, size, 50))
    assert store.find("request 999999") == ()


def test_an_id_that_begins_within_what_is_kept_of_another_is_not_found(store: SqliteStore) -> None:
    kept = [f"aabbccddeeff{0:020x}", "f" * 32]
    for name in kept:
        store.append([Record(RecordType.PREDICTION, f'"{name}"'.encode(), ids=(name,))], sign=unsigned)
    assert store.find(f"ccddeeff{0:024x}") == ()
    assert [store.find(name) for name in kept] == [(0,), (1,)]


def test_a_search_has_little_to_read_however_long_the_log_is(store: SqliteStore, sqlite_file: Path) -> None:
    for size in (1, 31, 4000, 30_000, 40_000):
        store.append([_record(index) for index in range(size)], sign=unsigned)
    for _ in range(500):
        store.append([_record(0)], sign=unsigned)
    with closing(connect(sqlite_file)) as connection:
        count = "SELECT count(*), max(length(entries)) FROM "
        recent, _ = connection.execute(f"{count} lookup_recent").get
        _, longest_of_run = connection.execute(f"{count} lookup_run").get
        blocks, _ = connection.execute(f"{count} lookup_block").get
    assert recent <= 32
    assert blocks > 1000
    assert longest_of_run < 40_000


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_id_has_a_key_of_eight_bytes_and_another_id_another(one: str, other: str) -> None:
    assert len(lookup_key(one)) == 8
    assert (lookup_key(one) == lookup_key(other)) == (one == other)


def test_nobody_can_choose_ids_with_the_same_key_by_their_first_digits() -> None:
    assert len({lookup_key(f"{0:016x}{number:016x}") for number in range(1000)}) == 1000
