"""An append that fails leaves nothing behind, says why, and the next one works when the reason is gone."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import apsw
import psycopg
import pytest
from tests.ledger.store.made_up import erasure, prediction, predictions, signed, unsigned

from vouchml.errors import LedgerUnavailable
from vouchml.ledger.proofs import root_at
from vouchml.ledger.store import Appended, LedgerStore, open_store, postgres_connection, sqlite_connection
from vouchml.ledger.tree import CompactRange


@contextmanager
def _held_by_another(url: str) -> Iterator[None]:
    """Let another program be in the middle of an append."""
    if url.startswith("sqlite"):
        with closing(apsw.Connection(urlsplit(url).path[1:])) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(url, options="-c search_path=vouch_ledger") as connection:
            connection.execute("SELECT * FROM head FOR UPDATE")
            yield


@contextmanager
def _files_no_larger_than(size: int) -> Iterator[None]:
    """Let the system refuse to write beyond `size` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _refuse(_: CompactRange) -> str | None:
    raise RuntimeError


def test_an_append_that_fails_at_its_end_leaves_nothing_behind(url: str, store: LedgerStore) -> None:
    kept = predictions(300)
    store.append(kept, sign=signed)
    before = store.head()
    lost = [prediction(version="a new one") for _ in range(5000)]  # so that runs are full, and nodes
    with pytest.raises(RuntimeError):
        store.append(lost, sign=_refuse)
    with closing(open_store(url)) as other:
        for each in (store, other):
            assert each.head() == before
            assert [entry.leaf for entry in each.entries(0, 10_000)] == [record.leaf for record in kept]
            assert each.find(lost[7].ids[0]) == ()
            assert [checkpoint.size for checkpoint in each.checkpoints()] == [300]
    assert store.append(lost, sign=unsigned) == Appended(300, 5300)
    assert store.entry(307).leaf == lost[7].leaf
    assert store.find(lost[7].ids[0]) == (307,)
    assert root_at(5300, store) == store.head().root()


def test_an_erasure_whose_record_cannot_be_written_erases_nothing(url: str, store: LedgerStore) -> None:
    record = predictions(1)[0]
    store.append([record], sign=unsigned)
    with _held_by_another(url), pytest.raises(LedgerUnavailable):
        store.erase([0], [erasure(0)])
    assert (store.entry(0).payload, store.head().size) == (record.payload, 1)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait five seconds in a test for what does not come."""
    monkeypatch.setattr(sqlite_connection, "WAITS_SECONDS", 0.3)
    monkeypatch.setitem(postgres_connection._SETTINGS, "lock_timeout", "300")


def test_an_append_waits_for_another_and_then_says_that_the_ledger_is_held(url: str, store: LedgerStore) -> None:
    with _held_by_another(url):
        with pytest.raises(LedgerUnavailable) as caught:
            store.append(predictions(2), sign=unsigned)
        assert "Another program holds the ledger" in caught.value.remedy
        assert store.head().size == 0  # reading goes on
    assert store.append(predictions(2), sign=unsigned) == Appended(0, 2)


def test_a_full_disk_refuses_records_until_there_is_room(sqlite_file: Path) -> None:
    with closing(open_store(f"sqlite:///{sqlite_file}")) as store:
        store.append(predictions(10), sign=unsigned)
        written = sqlite_file.with_name(f"{sqlite_file.name}-wal").stat().st_size
        for room in (0, 100, 5000, 20_000, 100_000):
            with _files_no_larger_than(written + room), pytest.raises(LedgerUnavailable) as caught:
                store.append(predictions(500), sign=signed)
            assert caught.value.remedy
            assert store.head().size == 10
        assert store.append(predictions(500), sign=signed) == Appended(10, 510)
        assert root_at(510, store) == store.head().root()


def test_a_database_that_may_not_grow_refuses_records_until_it_may(sqlite_file: Path) -> None:
    with closing(open_store(f"sqlite:///{sqlite_file}")) as store:
        connection: apsw.Connection = store._connection  # type: ignore[attr-defined] # the setting is the connection's
        allowed = connection.pragma("max_page_count")
        connection.pragma("max_page_count", connection.pragma("page_count") + 2)
        with pytest.raises(LedgerUnavailable) as caught:
            store.append(predictions(500), sign=unsigned)
        assert "Free some space" in caught.value.remedy
        connection.pragma("max_page_count", allowed)
        assert store.append(predictions(500), sign=unsigned) == Appended(0, 500)
