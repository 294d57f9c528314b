"""Payloads that must go and payloads that must stay, in each kind of store: erasure, retention, legal holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.ledger.store.made_up import unsigned

from vouchml.errors import LedgerInvalid, PayloadHeld, RecordNotFound, RetentionRefused
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.erasure import erase, find_erasable
from vouchml.ledger.holds import Hold, hold_of_records, hold_of_time, holds_in_force, release_of
from vouchml.ledger.receipt import build_receipt
from vouchml.ledger.receipt_check import verify_receipt
from vouchml.ledger.record import Record, RecordType, event, time_text
from vouchml.ledger.retention import cutoffs, find_prunable, prune_record
from vouchml.ledger.store import LedgerStore
from vouchml.ledger.tree import CompactRange
from vouchml.ledger.verify import verify_ledger

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BASIS = "GDPR Art. 17(1)(b)"
KEY = SignerKey.generate("example.com/a-ledger")


def prediction(number: int, *, days_ago: int = 0) -> Record:
    """A prediction of some days ago."""
    ids = (f"{number:032x}", f"request-{number}")
    fields = {"prediction_id": ids[0], "request_id": ids[1], "served": None}
    payload = {"inputs": f"row {number}"}
    return event(RecordType.PREDICTION, fields, time=NOW - timedelta(days=days_ago), payload=payload, ids=ids)


def outcome(number: int, *, days_ago: int = 0, about: int = 0) -> Record:
    """What turned out to be true about it; it is the record `about`."""
    ids = (f"{number:032x}", f"request-{number}")
    fields = {"about": about, "prediction_id": ids[0], "request_id": ids[1]}
    time = NOW - timedelta(days=days_ago)
    return event(RecordType.OUTCOME, fields, time=time, payload={"label": "benign"}, ids=ids)


def add(store: LedgerStore, *records: Record) -> int:
    return store.append(records, sign=unsigned).first_index


def signed(head: CompactRange) -> str:
    return sign(Checkpoint.of(KEY.name, head, time=NOW), KEY)


def with_payload(store: LedgerStore) -> list[int]:
    return [entry.index for entry in store.entries(0, 1000) if entry.payload is not None]


def leaf(store: LedgerStore, index: int) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(store.entry(index).leaf)
    return fields


def prune(store: LedgerStore, days: dict[str, int], basis: str | None = None) -> int:
    before = cutoffs(days, minimum_days=183, now=NOW, basis=basis)
    prunable = find_prunable(store, before, holds_in_force(store))
    add(store, prune_record(prunable, who="Ada Smith", basis=basis, time=NOW))
    return store.prune(prunable.spans)


def test_erasing_a_prediction_takes_its_payload_and_those_of_its_outcomes_and_no_other(store: LedgerStore) -> None:
    add(store, prediction(0), prediction(1), outcome(1), prediction(2), outcome(1))

    places = erase(store, find_erasable(store, "request-1"), basis=BASIS, who="Ada Smith")

    assert with_payload(store) == [0, 3]
    told = leaf(store, places[0])
    assert (told["type"], told["basis"], told["who"], told["erased"]) == ("erasure", BASIS, "Ada Smith", [[1, 2]])
    assert [leaf(store, place)["erased"] for place in places[1:]] == [[[2, 3]], [[4, 5]]]


def test_several_payloads_are_erased_together_or_none_is(store: LedgerStore) -> None:
    add(store, prediction(0), prediction(1), outcome(1), outcome(1))
    found = find_erasable(store, "request-1")
    store.erase([2], [outcome(9)])  # by somebody else, meanwhile
    size = store.head().size
    with pytest.raises(LedgerInvalid, match="Record 2 has no payload"):
        erase(store, found, basis=BASIS, who="Ada Smith")
    assert (with_payload(store), store.head().size) == ([0, 1, 3, 4], size)


def test_a_ledger_with_an_erased_payload_verifies_and_its_receipt_tells_of_the_erasure(store: LedgerStore) -> None:
    add(store, *(prediction(number) for number in range(5)))
    erase(store, find_erasable(store, "request-3"), basis=BASIS, who="Ada Smith")
    store.append([], sign=signed)

    verification = verify_ledger(store, [KEY.verifier])
    assert (verification.outcome, verification.findings, verification.without_payload) == ("ok", (), 1)
    verified = verify_receipt(build_receipt(store, 3), KEY.verifier)
    assert {link.name: link.status.value for link in verified.links}["erasure"] == "verified"
    assert BASIS in verified.links[-1].reason


def test_what_is_erased_already_is_counted_and_not_erased_again(store: LedgerStore) -> None:
    add(store, prediction(0))
    erase(store, find_erasable(store, "request-0"), basis=BASIS, who="Ada Smith")
    found = find_erasable(store, "request-0")
    assert (found.entries, found.without_payload) == ((), 1)
    assert erase(store, found, basis=BASIS, who="Ada Smith") == ()


def test_a_prediction_that_is_not_there_cannot_be_erased(store: LedgerStore) -> None:
    add(store, prediction(0))
    with pytest.raises(RecordNotFound):
        find_erasable(store, "request-1")


@pytest.mark.parametrize(
    "make",
    [
        lambda: hold_of_records("request-1", [1], who="Ada Smith", reason="case 12", time=NOW),
        lambda: hold_of_time(NOW - timedelta(days=1), None, who="Ada Smith", reason="case 12", time=NOW),
        lambda: hold_of_time(None, NOW + timedelta(days=1), who="Ada Smith", reason="case 12", time=NOW),
    ],
    ids=["by request", "since", "until"],
)
def test_what_is_held_is_neither_erased_nor_pruned_until_it_is_released(
    store: LedgerStore, make: Callable[[], Record]
) -> None:
    add(store, prediction(0, days_ago=0), prediction(1, days_ago=0))
    number = add(store, make())

    with pytest.raises(PayloadHeld, match=f"hold {number} of 2026-11-24 by Ada Smith: case 12"):
        erase(store, find_erasable(store, "request-1"), basis=BASIS, who="Ada Smith")
    assert 1 in with_payload(store)

    add(store, release_of(store, number, who="Ada Smith", reason="closed", time=NOW))
    erase(store, find_erasable(store, "request-1"), basis=BASIS, who="Ada Smith")
    assert 1 not in with_payload(store)


def test_a_hold_yields_only_for_a_reason_that_is_recorded(store: LedgerStore) -> None:
    add(store, prediction(0))
    number = add(store, hold_of_records("request-0", [0], who="Ada Smith", reason="case 12", time=NOW))
    (place,) = erase(
        store, find_erasable(store, "request-0"), basis=BASIS, who="Ada Smith", override_hold="order of a court"
    )
    assert leaf(store, place)["override_hold"] == "order of a court"
    assert leaf(store, place)["holds"] == [number]


def test_a_hold_of_a_time_covers_what_comes_later_and_ends_before_its_end(store: LedgerStore) -> None:
    add(store, hold_of_time(NOW, NOW + timedelta(days=2), who="Ada Smith", reason="case 12", time=NOW))
    (hold,) = holds_in_force(store)
    assert [hold.covers(9, {"time": time_text(NOW + timedelta(days=days))}) for days in (-1, 0, 1, 2)] == [
        False,
        True,
        True,
        False,
    ]


def test_only_a_hold_in_force_can_be_released(store: LedgerStore) -> None:
    number = add(store, hold_of_time(NOW, None, who="Ada Smith", reason="case 12", time=NOW))
    add(store, release_of(store, number, who="Ada Smith", reason="closed", time=NOW))
    for wrong in (number, number + 1, 77):
        with pytest.raises(RecordNotFound):
            release_of(store, wrong, who="Ada Smith", reason="closed", time=NOW)


def test_a_prune_takes_what_is_old_enough_by_type_and_one_record_tells_of_it(store: LedgerStore) -> None:
    load = event(RecordType.MODEL_LOADED, {"role": "champion"}, time=NOW - timedelta(days=399))
    add(store, prediction(0, days_ago=500), outcome(0, days_ago=450), prediction(1, days_ago=400), load)
    add(store, prediction(2, days_ago=399), prediction(3, days_ago=1))

    assert prune(store, {"prediction": 390, "outcome": 800}) == 3

    assert with_payload(store) == [1, 5]
    told = leaf(store, 6)
    assert (told["type"], told["count"], told["erased"], told["held"]) == ("retention_prune", 3, [[0, 1], [2, 5]], 0)
    assert told["before"]["prediction"] == time_text(NOW - timedelta(days=390))


def test_a_prune_leaves_what_is_held_and_counts_it_and_the_ledger_verifies(store: LedgerStore) -> None:
    add(store, *(prediction(number, days_ago=500) for number in range(4)))
    add(store, hold_of_records("request-2", [2], who="Ada Smith", reason="case 12", time=NOW))

    assert prune(store, {"prediction": 200}) == 3

    assert with_payload(store) == [2]
    assert leaf(store, 5)["held"] == 1
    store.append([], sign=signed)
    assert verify_ledger(store, [KEY.verifier]).findings == ()


def test_an_outcome_that_came_after_the_hold_is_held_with_its_prediction(store: LedgerStore) -> None:
    add(store, prediction(0, days_ago=500), prediction(1, days_ago=500))
    add(store, hold_of_records("request-1", [1], who="Ada Smith", reason="case 12", time=NOW - timedelta(days=450)))
    add(store, outcome(1, days_ago=400, about=1), outcome(0, days_ago=400, about=0))
    assert prune(store, {"prediction": 300, "outcome": 300}) == 2
    assert with_payload(store) == [1, 3]


def test_a_record_that_is_old_enough_is_pruned_although_a_younger_one_came_before_it(store: LedgerStore) -> None:
    def at(minutes: int) -> Record:
        time = NOW - timedelta(days=200, minutes=minutes)
        return event(RecordType.PREDICTION, {"served": None}, time=time, payload={"inputs": ""})

    add(store, at(10), at(-30), at(5), at(-90), at(1))
    assert prune(store, {"prediction": 200}) == 2
    assert with_payload(store) == [1, 3, 4]  # none is looked for an hour behind the end


def test_retention_below_the_minimum_needs_a_basis_and_none_at_all_prunes_nothing() -> None:
    with pytest.raises(RetentionRefused, match="183 days"):
        cutoffs({"prediction": 182, "outcome": 400}, minimum_days=183, now=NOW, basis=None)
    assert cutoffs({"prediction": 182}, minimum_days=183, now=NOW, basis="agreed with the works council")
    assert cutoffs({"prediction": 183}, minimum_days=183, now=NOW, basis=None)
    with pytest.raises(RetentionRefused, match="Nothing says"):
        cutoffs({}, minimum_days=183, now=NOW, basis="any")


def test_a_hold_that_covers_by_spans_covers_nothing_else() -> None:
    hold = Hold(9, time_text(NOW), "Ada Smith", "case 12", ((2, 4),), None, None)  # type: ignore[arg-type]
    assert [index for index in range(6) if hold.covers(index, {"time": time_text(NOW)})] == [2, 3]
