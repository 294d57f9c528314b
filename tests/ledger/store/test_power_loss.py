"""Power that fails after any step of the disk, and a disk that fails at any step: nothing acknowledged is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import pytest
from tests.ledger.memory import BEGAN
from tests.ledger.store.conftest import ORIGIN
from tests.ledger.store.disk import Acknowledged, crashes, read_files, watched_disk, write_files
from tests.ledger.store.made_up import erasure, predictions

from vouchml.errors import LedgerUnavailable
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.record import Record
from vouchml.ledger.store import LedgerStore, create_store, open_store, sqlite_connection
from vouchml.ledger.tree import CompactRange
from vouchml.ledger.verify import HowToVerify, verify_ledger

NAME: Final = "vouch-ledger.db"
KEY: Final = SignerKey.generate(ORIGIN)


def signed(head: CompactRange) -> str:
    return sign(Checkpoint.of(ORIGIN, head, time=BEGAN), KEY)


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / NAME}"


def require_whole(store: LedgerStore, records: list[Record]) -> None:
    """Exactly these records, and nothing for a verification to find."""
    assert [entry.leaf for entry in store.entries(0, 10_000)] == [record.leaf for record in records]
    found = verify_ledger(store, [KEY.verifier], HowToVerify(samples=100))
    assert [finding for finding in found.findings if finding.kind != "erasure"] == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ledger"
    made.mkdir()
    return made


@pytest.fixture(autouse=True)
def _short_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the write-ahead log be moved into the database every few commits, as it is in a long life."""
    monkeypatch.setattr(sqlite_connection, "WAL_PAGES", 24)
    yield
    assert "vouchml-test" not in apsw.vfs_names()


@pytest.fixture(params=["wal", "delete"])
def journal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A write-ahead log, and what is used with a SQLite whose write-ahead log is not safe."""
    name = str(request.param)
    if name == "delete":
        monkeypatch.setattr(sqlite_connection, "SAFE_WAL", (99, 0, 0))
    return name


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.usefixtures("journal")
def test_whatever_the_power_leaves_every_acknowledged_record_is_there_and_all_of_it_verifies(
    folder: Path, tmp_path: Path, seed: int
) -> None:
    create_store(url_in(folder), ORIGIN)
    before = read_files(folder)
    sizes, records = [0], predictions(40)
    with watched_disk() as disk, closing(open_store(url_in(folder))) as store:
        for count in (1, 1, 5, 1, 20, 2, 1, 9):
            size = sizes[-1] + count
            store.append(records[sizes[-1] : size], sign=signed)
            sizes.append(size)
            disk.steps.append(Acknowledged(size))
    after_crash, tried = tmp_path / "after", 0
    for _, acknowledged, files in crashes(before, disk.steps, seed):
        write_files(after_crash, files)
        with closing(open_store(url_in(after_crash))) as store:
            size = store.head().size
            assert size in (acknowledged, *sizes[sizes.index(acknowledged) + 1 :][:1])
            require_whole(store, records[:size])
        tried += 1
    assert tried > 100
    print(f"{tried} contents of the disk after {len(disk.steps)} steps")


def test_an_erasure_is_whole_or_not_at_all_whenever_the_power_fails(folder: Path, tmp_path: Path) -> None:
    records, told = predictions(30), erasure(7)
    create_store(url_in(folder), ORIGIN)
    with closing(open_store(url_in(folder))) as store:
        store.append(records, sign=signed)
    before = read_files(folder)
    with watched_disk() as disk, closing(open_store(url_in(folder))) as store:
        store.erase([7], [told])
        disk.steps.append(Acknowledged(31))
    after_crash = tmp_path / "after"
    for _, acknowledged, files in crashes(before, disk.steps, 3):
        write_files(after_crash, files)
        with closing(open_store(url_in(after_crash))) as store:
            size = store.head().size
            assert size >= acknowledged
            assert (store.entry(7).payload is None) == (size == 31)
            assert [entry.leaf for entry in store.entries(0, 100)] == [each.leaf for each in [*records, told][:size]]


@pytest.mark.usefixtures("journal")
def test_a_creation_that_the_power_fails_in_can_be_made_again(folder: Path, tmp_path: Path) -> None:
    with watched_disk() as disk:
        create_store(url_in(folder), ORIGIN)
        disk.steps.append(Acknowledged(1))
    after_crash = tmp_path / "after"
    for _, acknowledged, files in crashes({NAME: b""}, disk.steps, 4):
        write_files(after_crash, files)
        if acknowledged:
            open_store(url_in(after_crash)).close()
        create_store(url_in(after_crash), ORIGIN)
        with closing(open_store(url_in(after_crash))) as store:
            records = predictions(3)
            store.append(records, sign=signed)
            require_whole(store, records)


@pytest.mark.parametrize("kind", [apsw.IOError, apsw.FullError])
@pytest.mark.parametrize("lasts", [1, 1000])
def test_a_disk_that_fails_at_any_step_refuses_the_append_whole_and_takes_the_next(
    folder: Path, tmp_path: Path, kind: type[apsw.Error], lasts: int
) -> None:
    create_store(url_in(folder), ORIGIN)
    first, failing, later = predictions(30), predictions(40), predictions(2)
    with closing(open_store(url_in(folder))) as store:
        store.append(first, sign=signed)
    before, failures = read_files(folder), 0
    for step in range(1000):
        place = tmp_path / "tried"
        write_files(place, before)
        with watched_disk() as disk, closing(open_store(url_in(place))) as store:
            disk.kind, disk.lasts, disk.fail_in = kind, lasts, step
            kept = [*first, *(failing if is_appended(store, failing) else [])]
            has_failed = disk.has_failed
            failures += len(kept) == len(first)
            disk.fail_in = None
            assert store.head().size == len(kept)
            store.append(later, sign=signed)
            require_whole(store, [*kept, *later])
        with closing(open_store(url_in(place))) as store:
            require_whole(store, [*kept, *later])
        if not has_failed:
            break
    assert failures > 10


def is_appended(store: LedgerStore, records: list[Record]) -> bool:
    try:
        store.append(records, sign=signed)
    except LedgerUnavailable:
        return False
    return True
