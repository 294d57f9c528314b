"""What an id means: ours before a caller's, a row of a batch without reading the others, and several requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vouchml.errors import RecordAmbiguous, RecordNotFound
from vouchml.ledger.erasure import find_erasable
from vouchml.ledger.record import Record, RecordType, event
from vouchml.ledger.search import prediction_of, predictions_of, requests_of, require_one_request
from vouchml.ledger.store import create_store
from vouchml.ledger.store.base import Entry
from vouchml.ledger.store.sqlite import SqliteStore

OURS, OTHER, THIRD = (f"019ab0{number:06x}7" + "0" * 19 for number in (1, 2, 3))
NOW = datetime(2026, 11, 24, 22, 4, 10, tzinfo=UTC)


class Counted(SqliteStore):
    """A store that counts the ids that are looked up, and the records that are read one by one."""

    read_entries = 0
    looked_up = 0

    def candidates(self, name: str) -> Sequence[int]:
        self.looked_up += 1
        return super().candidates(name)

    def entry(self, index: int) -> Entry:
        self.read_entries += 1
        return super().entry(index)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Counted]:
    file = tmp_path / "vouch-ledger.db"
    create_store(f"sqlite:///{file}", "example.com/ledger")
    with closing(Counted(file)) as opened:
        yield opened


def prediction(prediction_id: str, request_id: str, *, row: int | None = None, caller: str | None = "Ada") -> Record:
    fields: dict[str, Any] = {"prediction_id": prediction_id, "request_id": request_id, "served": {"model": "m"}}
    if row is not None:
        fields["row"] = row
    ids = (prediction_id, request_id)
    return event(RecordType.PREDICTION, fields, time=NOW, payload={"caller": caller, "inputs": "secret"}, ids=ids)


def batch(batch_id: str, request_id: str, rows: int) -> list[Record]:
    return [prediction(f"{batch_id}-{row}", request_id, row=row) for row in range(rows)]


def add(store: SqliteStore, *records: Record) -> None:
    store.append(records, sign=lambda _: None)


def test_a_request_id_that_is_anothers_prediction_id_hides_and_erases_nothing_of_the_other(store: Counted) -> None:
    add(store, prediction(OURS, "order-1"), prediction(OTHER, OURS, caller="Mallory"))
    assert prediction_of(store, OURS) == 0
    assert [entry.index for entry in find_erasable(store, OURS).entries] == [0]
    assert prediction_of(store, OTHER) == 1


def test_a_request_id_that_is_anothers_batch_or_row_means_the_others(store: Counted) -> None:
    add(store, *batch(OURS, "order-1", 3), prediction(OTHER, OURS), prediction(THIRD, f"{OURS}-1"))
    assert predictions_of(store, OURS) == (0, 1, 2)
    assert predictions_of(store, f"{OURS}-1") == (1,)
    assert predictions_of(store, OURS, row=1) == (1,)
    assert predictions_of(store, f"{OURS}-1", row=1) == (1,)
    with pytest.raises(RecordNotFound):
        predictions_of(store, f"{OURS}-1", row=2)


def test_an_id_of_several_requests_is_erased_only_when_all_are_meant_and_they_are_named(store: Counted) -> None:
    add(store, prediction(OURS, "order-1"), *batch(OTHER, "order-1", 3), prediction(THIRD, "order-1", caller=None))
    with pytest.raises(RecordAmbiguous, match="3 requests have this id") as caught:
        find_erasable(store, "order-1")
    assert f"{OURS} of 2026-11-24T22:04:10.000000Z by Ada; {OTHER} of " in caught.value.message
    assert "--all" in caught.value.remedy
    assert "by a caller without a name" in caught.value.message
    assert [entry.index for entry in find_erasable(store, "order-1", all_requests=True).entries] == [0, 1, 2, 3, 4]
    assert [entry.index for entry in find_erasable(store, OTHER).entries] == [1, 2, 3]


def test_an_id_of_several_predictions_names_each_by_what_tells_it_from_the_others(store: Counted) -> None:
    add(store, *batch(OURS, "order-1", 2), prediction(OTHER, "order-1"))
    with pytest.raises(RecordAmbiguous, match="3 predictions have this id") as caught:
        prediction_of(store, "order-1")
    assert caught.value.remedy.splitlines() == [
        "Give one of these ids in its place, or say the row too:",
        f"  {OURS}-0 (2026-11-24T22:04:10.000000Z, row 0)",
        f"  {OURS}-1 (2026-11-24T22:04:10.000000Z, row 1)",
        f"  {OTHER} (2026-11-24T22:04:10.000000Z)",
    ]
    for line in caught.value.remedy.splitlines()[1:]:
        assert prediction_of(store, line.split()[0]) in {0, 1, 2}
    add(store, *batch(THIRD, "many", 30))
    with pytest.raises(RecordAmbiguous) as caught:
        prediction_of(store, "many")
    assert caught.value.remedy.splitlines()[-1] == "  and 10 more"


def test_the_rows_of_one_request_are_one_request(store: Counted) -> None:
    add(store, *batch(OURS, "order-1", 5))
    requests = requests_of(store, "order-1")
    require_one_request(store, requests)
    assert [request.places for request in requests] == [range(5)]


def test_a_row_of_a_request_id_is_that_row_of_each_of_its_requests(store: Counted) -> None:
    add(store, *batch(OURS, "many", 4), *batch(OTHER, "many", 2), prediction(THIRD, "many"))
    assert predictions_of(store, "many", row=1) == (1, 5)
    assert predictions_of(store, "many", row=3) == (3,)
    assert predictions_of(store, "many") == tuple(range(7))
    with pytest.raises(RecordNotFound):
        predictions_of(store, "many", row=4)


def test_a_row_is_found_without_reading_the_others(store: Counted) -> None:
    add(store, *batch(OURS, "many", 3000), *batch(OTHER, "many", 3000))
    for name, found in ((OURS, (2000,)), ("many", (2000, 5000))):
        store.read_entries = 0
        assert predictions_of(store, name, row=2000) == found
        assert 0 < store.read_entries < 100
    store.read_entries = 0
    assert len(predictions_of(store, "many")) == 6000
    assert store.read_entries < 100


def test_what_is_looked_for_has_an_end(store: Counted) -> None:
    add(store, *(prediction(f"{number:032x}", "many") for number in range(1100)))
    assert len(predictions_of(store, "many")) == 1000
    assert len(find_erasable(store, "many", all_requests=True).entries) == 1100


def test_an_id_of_nothing_is_not_found(store: Counted) -> None:
    add(store, prediction(OURS, "order-1"))
    for name, row in (("order-2", None), ("order-1", 0), (OURS, 0), (OURS[:-1], None)):
        with pytest.raises(RecordNotFound):
            requests_of(store, name, row=row)


def test_an_id_is_looked_up_once_and_once_more_as_the_name_of_a_batch(store: Counted) -> None:
    add(store, prediction(OURS, "order-1"))
    for name, times in ((OURS, 1), ("order-1", 2)):
        store.looked_up = 0
        assert prediction_of(store, name) == 0
        assert store.looked_up == times
