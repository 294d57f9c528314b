"""Destroy many payloads, and list events: the same in each kind of store."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.store.made_up import MOMENT, prediction, unsigned

from vouchml.ledger.record import RecordType, event
from vouchml.ledger.store import LedgerStore, open_store
from vouchml.ledger.store.base import PRUNED_AT_ONCE, parts_of


def test_pruned_payloads_and_salts_are_gone_and_all_others_stay(store: LedgerStore) -> None:
    store.append([prediction() for _ in range(12)], sign=unsigned)

    assert store.prune([(1, 4), (6, 7)]) == 4

    left = [entry.index for entry in store.entries(0, 12) if entry.payload is not None and entry.salt is not None]
    assert left == [0, 4, 5, 7, 8, 9, 10, 11]
    assert [entry.index for entry in store.entries(0, 12)] == list(range(12))


def test_what_is_pruned_twice_is_counted_once(store: LedgerStore) -> None:
    store.append([prediction() for _ in range(5)], sign=unsigned)
    assert store.prune([(0, 3)]) == 3
    assert store.prune([(0, 5)]) == 2


def test_a_pruned_payload_is_nowhere_in_the_files(sqlite_file: Path) -> None:
    with closing(open_store(f"sqlite:///{sqlite_file}")) as store:
        records = [prediction(payload=b'{"inputs":"secret row %d"}' % number) for number in range(300)]
        store.append(records, sign=unsigned)
        store.prune([(0, 299)])
    content = b"".join(path.read_bytes() for path in sqlite_file.parent.iterdir())
    found = [number for number in range(300) if b'secret row %d"' % number in content]
    assert found == [299]
    assert all(record.salt not in content for record in records[:299] if record.salt)


def test_events_of_a_type_come_latest_first_and_only_those_before_a_place(store: LedgerStore) -> None:
    for number in range(4):
        hold = event(RecordType.HOLD, {"reason": f"case {number}"}, time=MOMENT + timedelta(days=number))
        store.append([prediction(), hold], sign=unsigned)

    assert [entry.index for entry in store.events(RecordType.HOLD)] == [7, 5, 3, 1]
    assert [entry.index for entry in store.events(RecordType.HOLD, before=5)] == [3, 1]
    assert list(store.events(RecordType.RELEASE)) == []


def test_events_are_all_given_however_many_there_are(store: LedgerStore) -> None:
    store.append([event(RecordType.HOLD, {"reason": "a case"}, time=MOMENT) for _ in range(1500)], sign=unsigned)
    assert [entry.index for entry in store.events(RecordType.HOLD)] == list(range(1499, -1, -1))
    assert [entry.index for entry in store.events(RecordType.HOLD, before=30)] == list(range(29, -1, -1))


@given(st.lists(st.tuples(st.integers(0, 3 * PRUNED_AT_ONCE), st.integers(0, 3 * PRUNED_AT_ONCE)), max_size=6))
def test_parts_are_the_same_records_and_none_is_larger_than_it_may(pairs: list[tuple[int, int]]) -> None:
    spans = [(min(pair), max(pair)) for pair in pairs]
    parts = list(parts_of(spans))
    assert [place for part in parts for span in part for place in range(*span)] == [
        place for span in spans for place in range(*span)
    ]
    assert all(0 < sum(end - start for start, end in part) <= PRUNED_AT_ONCE for part in parts)
