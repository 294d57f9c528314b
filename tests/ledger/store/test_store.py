"""What every store does, each with the real thing below it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import urlsplit

import apsw
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.store.conftest import ORIGIN
from tests.ledger.store.made_up import erasure, prediction, predictions, served_by, signed, unsigned

from vouchml.errors import LedgerInvalid
from vouchml.ledger.proofs import inclusion_proof, root_at, verify_inclusion
from vouchml.ledger.record import FREQUENT, Record, RecordType, event
from vouchml.ledger.store import Appended, Checkpoint, Entry, LedgerStore, create_store, open_store
from vouchml.ledger.tree import CompactRange, leaf_hash

Execute = Callable[[str], None]


@pytest.fixture
def execute(url: str) -> Execute:
    """Change a ledger behind its back."""

    def run(statement: str) -> None:
        if url.startswith("sqlite"):
            with closing(apsw.Connection(urlsplit(url).path[1:])) as connection:
                connection.execute(statement)
        else:
            with psycopg.connect(url, autocommit=True, options="-c search_path=vouch_ledger") as connection:
                connection.execute(statement.encode())

    return run


def test_a_new_ledger_is_empty_and_has_the_name_that_it_was_given(store: LedgerStore) -> None:
    assert store.head() == CompactRange()
    assert store.origin() == ORIGIN
    assert store.latest_checkpoint() is None
    assert store.find("anything") == ()
    assert list(store.entries(0, 10)) == []


def test_records_come_back_in_order_and_byte_by_byte(store: LedgerStore) -> None:
    records = [*predictions(40), prediction(version="4"), event(RecordType.START, {"worker": "a"}, time=_NOW)]
    assert store.append(records[:2], sign=unsigned) == Appended(0, 2)
    assert store.append(records[2:], sign=unsigned) == Appended(2, 42)
    assert list(store.entries(0, 1000)) == [
        Entry(index, record.leaf, record.salt, record.payload) for index, record in enumerate(records)
    ]
    assert [entry.index for entry in store.entries(3, 5)] == [3, 4]
    assert store.entry(40).leaf == records[40].leaf


def test_what_is_written_is_there_for_who_opens_the_ledger_later(store: LedgerStore, url: str) -> None:
    records = predictions(3)
    store.append(records, sign=signed)
    with closing(open_store(url)) as again:
        assert again.head() == CompactRange().extend([leaf_hash(record.leaf) for record in records])[0]
        assert [entry.leaf for entry in again.entries(0, 3)] == [record.leaf for record in records]
        assert again.latest_checkpoint() == Checkpoint(3, "a note of 3\n")
        assert again.append(predictions(1), sign=unsigned) == Appended(3, 4)


def test_records_are_found_by_each_of_their_ids(store: LedgerStore) -> None:
    records = predictions(300)
    for start in range(0, 300, 7):
        store.append(records[start : start + 7], sign=unsigned)
    for index in (0, 6, 7, 127, 128, 299):
        assert [store.find(name) for name in records[index].ids] == [(index,), (index,)]
    assert store.find("0" * 32) == ()


def test_all_records_of_a_request_are_found(store: LedgerStore) -> None:
    records = [prediction(request_id="order 4711") for _ in range(200)]
    store.append([*records[:150], *predictions(10), *records[150:]], sign=unsigned)
    assert store.find("order 4711") == (*range(150), *range(160, 210))


def test_ids_with_the_same_key_are_told_apart(store: LedgerStore) -> None:
    one, other = "0123456789abcdef" + "0" * 16, "0123456789abcdef" + "1" * 16
    store.append([prediction(request_id=one), prediction(request_id=other)], sign=unsigned)
    assert (store.find(one), store.find(other)) == ((0,), (1,))


@pytest.mark.parametrize("name", ["0" * 30 + "é!", " " * 32, "\ud800", 'a "quoted" id', "x" * 500, ""])
def test_any_text_can_be_looked_for(store: LedgerStore, name: str) -> None:
    store.append(predictions(2), sign=unsigned)
    assert store.find(name) == ()


def test_proofs_are_read_from_what_is_kept(store: LedgerStore) -> None:
    records = predictions(1000)
    for start in range(0, 1000, 90):
        store.append(records[start : start + 90], sign=unsigned)
    head = store.head()
    assert root_at(1000, store) == head.root()
    for index in (0, 255, 256, 999):
        proof = inclusion_proof(index, 1000, store)
        verify_inclusion(leaf_hash(records[index].leaf), index, 1000, proof, head.root())


def test_a_checkpoint_comes_with_its_records(store: LedgerStore) -> None:
    for _ in range(3):
        store.append(predictions(2), sign=signed)
    store.append(predictions(1), sign=unsigned)
    assert [checkpoint.size for checkpoint in store.checkpoints()] == [2, 4, 6]
    assert list(store.checkpoints(since=5)) == [Checkpoint(6, "a note of 6\n")]


def test_a_checkpoint_can_be_written_without_records_and_the_first_of_a_size_stays(store: LedgerStore) -> None:
    store.append(predictions(2), sign=unsigned)
    assert store.append([], sign=signed) == Appended(2, 2)
    store.append([], sign=lambda _: "another note\n")
    store.append([], sign=lambda _: "a third note\n")
    assert list(store.checkpoints()) == [Checkpoint(2, "a note of 2\n")]


def test_the_latest_event_of_a_type_is_at_hand(store: LedgerStore) -> None:
    first, second = (event(RecordType.PROMOTION, {"version": version}, time=_NOW) for version in ("1", "2"))
    store.append([first, *predictions(3), second, event(RecordType.STOP, {}, time=_NOW)], sign=unsigned)
    assert next(store.events(RecordType.PROMOTION)) == Entry(4, second.leaf, None, None)
    assert list(store.events(RecordType.ROLLBACK)) == []


def test_an_erased_payload_is_gone_and_its_leaf_and_all_else_stay(store: LedgerStore) -> None:
    records = predictions(5)
    store.append(records, sign=unsigned)
    assert store.erase([2], [erasure(2)]) == Appended(5, 6)
    assert store.entry(2) == Entry(2, records[2].leaf, None, None)
    assert store.entry(5).leaf == erasure(2).leaf
    assert [entry.payload for entry in store.entries(0, 5)].count(None) == 1
    assert root_at(6, store) == store.head().root()
    assert store.find(records[2].ids[0]) == (2,)


@pytest.mark.parametrize("index", [0, 1, 7])
def test_what_is_not_there_cannot_be_erased_and_leaves_no_record(store: LedgerStore, index: int) -> None:
    store.append([*predictions(1), erasure(9)], sign=unsigned)
    if index == 0:
        store.erase([0], [erasure(0)])
    size = store.head().size
    with pytest.raises(LedgerInvalid, match=f"Record {index} has no payload"):
        store.erase([index], [erasure(index)])
    assert store.head().size == size


def test_there_is_no_record_behind_the_last(store: LedgerStore) -> None:
    with pytest.raises(LedgerInvalid, match="no record 0"):
        store.entry(0)


def test_a_ledger_is_made_once(url: str, store: LedgerStore) -> None:
    store.append(predictions(1), sign=unsigned)
    create_store(url, ORIGIN)
    assert store.head().size == 1
    with pytest.raises(LedgerInvalid, match="already a ledger"):
        create_store(url, "example.com/another")


def test_a_ledger_that_is_not_there_is_not_made_on_the_way(empty_url: str) -> None:
    for _ in range(2):
        with pytest.raises(LedgerInvalid, match="There is no ledger") as caught:
            open_store(empty_url)
        assert caught.value.remedy == "Create it: vouch ledger init"


def test_a_ledger_of_another_format_is_refused(url: str, execute: Execute) -> None:
    execute("UPDATE ledger SET format = 99")
    with pytest.raises(LedgerInvalid, match="format 99"):
        open_store(url)
    with pytest.raises(LedgerInvalid, match="format 99"):
        create_store(url, ORIGIN)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("DELETE FROM {records} WHERE idx = 2", "counts 3 records, and there are 2"),
        ("UPDATE head SET size = 2", "counts 2 records, and there are 3"),
        ("UPDATE head SET size = 5", "counts 5 records, and there are 3"),
        ("DELETE FROM head", "no head"),
    ],
)
def test_a_head_that_does_not_fit_its_records_is_noticed_at_once(
    url: str, store: LedgerStore, execute: Execute, damage: str, problem: str
) -> None:
    store.append(predictions(3), sign=unsigned)
    execute(damage.format(records="record" if url.startswith("sqlite") else "leaf"))
    with pytest.raises(LedgerInvalid, match=problem):
        open_store(url)


def test_a_head_behind_its_records_overwrites_none(store: LedgerStore, execute: Execute) -> None:
    store.append(predictions(3), sign=unsigned)
    before = store.entry(2)
    execute("UPDATE head SET size = 2, range = (SELECT range FROM head) WHERE id = 1")
    with pytest.raises(LedgerInvalid):
        store.append(predictions(1), sign=unsigned)
    assert store.entry(2) == before


@pytest.mark.parametrize("address", ["mysql://somewhere", "vouch-ledger.db", "sqlite:///", "sqlite://host/file", ""])
def test_an_address_of_no_store_is_refused_with_what_to_write(address: str) -> None:
    with pytest.raises(LedgerInvalid) as caught:
        open_store(address)
    assert "sqlite" in caught.value.remedy


@st.composite
def _records(draw: st.DrawFn) -> Record:
    """Records with any leaf, also ones where `served` stands twice, at the start, or not at all."""
    served = draw(st.sampled_from([b"", b"null", served_by(), b'"served":{}', b"1"]) | st.binary(max_size=20))
    leaf = draw(st.lists(st.sampled_from([served, b'"served":', b"1", b"{", b"\x00"]) | st.binary(max_size=8)))
    with_payload = draw(st.booleans())
    return Record(
        draw(st.sampled_from(sorted(FREQUENT))),
        b"".join(leaf),
        served,
        draw(st.binary(min_size=32, max_size=32)) + b"" if with_payload else None,
        draw(st.binary(max_size=6000)) if with_payload else None,
        tuple(draw(st.lists(st.text(max_size=40), max_size=3))),
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=st.lists(_records(), max_size=8))
def test_any_bytes_come_back_as_they_were(store: LedgerStore, records: list[Record]) -> None:
    first = store.append(records, sign=unsigned).first_index
    for index, record in enumerate(records, first):
        entry = store.entry(index)
        assert entry.leaf == record.leaf
        if record.salt != bytes(32):  # such a salt is an erased one
            assert (entry.salt, entry.payload) == (record.salt, record.payload)


_NOW = datetime(2026, 11, 24, tzinfo=UTC)
