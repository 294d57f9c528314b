"""What a trace finds in the log about the version that answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.record import Record, RecordType, event
from vouchml.ledger.store import LedgerStore, create_store, open_store
from vouchml.ledger.trace import trace_prediction
from vouchml.ledger.trace_link import TraceLink
from vouchml.ledger.tree import CompactRange
from vouchml.trust.trust_store import TrustStore

ORIGIN = "example.com/a-ledger"
MOMENT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = SignerKey.generate(ORIGIN)
MODEL, OTHER, STATEMENT = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    create_store(url, ORIGIN)
    with closing(open_store(url)) as opened:
        yield opened


def signed(head: CompactRange) -> str:
    return sign(Checkpoint.of(ORIGIN, head, time=MOMENT), KEY)


def served(decision: str | None = None) -> dict[str, Any]:
    return {"name": "a model", "version": "3", "model": MODEL, "decision": decision}


def prediction(decision: str | None = None, worker: str = "host:1") -> Record:
    fields = {"prediction_id": "p", "request_id": "r", "served": served(decision), "worker": worker}
    return event(RecordType.PREDICTION, fields, time=MOMENT, payload={"inputs": ""}, ids=("p", "r"))


def said(kind: RecordType, model: str = MODEL, **fields: Any) -> Record:
    return event(kind, {"model": model, "name": "a model", "version": "3", **fields}, time=MOMENT)


def links(store: LedgerStore, *records: Record) -> list[TraceLink]:
    """The links of the model of the last prediction among `records`."""
    store.append(records, sign=signed)
    (place,) = [place for place, record in enumerate(records) if record.type is RecordType.PREDICTION]
    return [link for link in trace_prediction(store, place, TrustStore()).links if link.part == "model"]


def link(found: list[TraceLink], name: str) -> TraceLink:
    return next(each for each in found if each.name == name)


def test_the_decision_is_the_one_that_the_prediction_names(store: LedgerStore) -> None:
    found = link(
        links(
            store,
            said(RecordType.DECISION, statement=STATEMENT, outcome="PASS", by=["gate"]),
            said(RecordType.DECISION, statement="d" * 64, outcome="FAIL", by=["gate"]),
            said(RecordType.DECISION, model=OTHER, statement=STATEMENT, outcome="PASS", by=["gate"]),
            prediction(STATEMENT),
        ),
        "decision",
    )
    assert (found.status, found.facts["index"], found.facts["outcome"]) == ("verified", 0, "PASS")


def test_a_decision_is_told_by_its_outcome_first_and_one_that_failed_is_no_verified_link(store: LedgerStore) -> None:
    records = said(RecordType.DECISION, statement=STATEMENT, outcome="FAIL", by=["gate"]), prediction(STATEMENT)
    found = link(links(store, *records), "decision")
    assert (found.status, found.reason.split()[0]) == ("failed", "FAIL.")
    assert found.reason.endswith("It lets nothing serve.")


def test_an_approval_is_told_by_its_meaning_first(store: LedgerStore) -> None:
    records = said(RecordType.APPROVAL, by=["ada"], meaning="rejected"), prediction()
    assert link(links(store, *records), "approval").reason.startswith("REJECTED. Record 0 tells of it")


def test_a_decision_that_came_after_the_answer_is_not_the_one_behind_it(store: LedgerStore) -> None:
    found = link(links(store, prediction(STATEMENT), said(RecordType.DECISION, statement=STATEMENT)), "decision")
    assert found.status == "not checked"
    assert "no record tells of it" in found.reason


def test_without_a_decision_an_emergency_admission_is_shown_or_that_there_was_nothing(store: LedgerStore) -> None:
    records = said(RecordType.BREAK_GLASS, by=["ada", "bob"], until="2026-11-25T00:00:00Z"), prediction()
    found = link(links(store, *records), "decision")
    assert (found.status, found.facts["type"], found.facts["by"]) == ("verified", "break_glass", "ada, bob")


def test_without_anything_it_says_that_the_version_served_without_a_decision(store: LedgerStore) -> None:
    found = link(links(store, prediction()), "decision")
    assert (found.status, found.reason) == ("not checked", "No decision is recorded: the version served without one.")


def test_every_approval_of_the_model_before_the_answer_is_a_link(store: LedgerStore) -> None:
    records = (
        said(RecordType.APPROVAL, by=["ada"], meaning="approved"),
        said(RecordType.APPROVAL, by=["bob"], meaning="approved"),
        said(RecordType.APPROVAL, model=OTHER, by=["eve"], meaning="approved"),
        prediction(),
        said(RecordType.APPROVAL, by=["late"], meaning="approved"),
    )
    approvals = [each for each in links(store, *records) if each.name == "approval"]
    assert [each.facts["by"] for each in approvals] == ["bob", "ada"]
    assert {each.status for each in approvals} == {"verified"}


def test_an_answer_of_a_model_that_was_revoked_before_fails_and_after_does_not(store: LedgerStore) -> None:
    records = (
        said(RecordType.REVOCATION, by=["ada"], reason="biased"),
        prediction(),
        said(RecordType.REVOCATION, by=["bob"], reason="again"),
    )
    revocations = [each for each in links(store, *records) if each.name == "revocation"]
    assert [(each.facts["reason"], each.status) for each in revocations] == [
        ("again", "not checked"),
        ("biased", "failed"),
    ]


def load(worker: str = "host:1", version: dict[str, Any] | None = None, role: str = "champion") -> Record:
    fields = {"role": role, "served": version or served(), "worker": worker}
    return event(RecordType.MODEL_LOADED, fields, time=MOMENT)


def move(kind: RecordType, to: str, stage: str = "Staging", model: str | None = MODEL) -> Record:
    fields = {"name": "a model", "stage": stage, "model": model, "from_version": "2", "to_version": to}
    return event(kind, {**fields, "who": "ada", "why": kind.value}, time=MOMENT)


def test_the_load_is_the_last_one_of_this_version_by_this_worker(store: LedgerStore) -> None:
    records = load("host:1"), load("host:2"), load("host:1", {**served(), "version": "4"})
    found = link(links(store, *records, prediction()), "load")
    assert (found.status, found.facts["index"]) == ("verified", 0)


def test_the_promotion_is_the_newest_move_before_the_load_if_that_is_to_this_version(store: LedgerStore) -> None:
    records = (
        move(RecordType.PROMOTION, "3"),
        move(RecordType.PROMOTION, "4"),
        move(RecordType.ROLLBACK, "3"),
        load(),
        move(RecordType.PROMOTION, "4"),
        prediction(),
        move(RecordType.PROMOTION, "3"),
    )
    found = link(links(store, *records), "promotion")
    assert (found.status, found.facts["index"], found.facts["why"]) == ("verified", 2, "rollback")
    assert "No newer move of the pointer stands in front of the load" in found.reason


def test_a_promotion_is_not_the_authority_of_a_version_that_was_loaded_after_a_move_to_another(
    store: LedgerStore,
) -> None:
    records = move(RecordType.PROMOTION, "3"), load(), move(RecordType.PROMOTION, "4"), load(), prediction()
    found = link(links(store, *records), "promotion")
    assert (found.status, found.facts["index"]) == ("not checked", 0)
    assert "record 2 moved the pointer to version 4 before this one was loaded" in found.reason
    assert "the pointer was moved by something other than vouch" in found.reason


def test_a_version_that_no_move_names_was_pointed_to_by_something_other_than_vouch(store: LedgerStore) -> None:
    found = link(links(store, move(RecordType.PROMOTION, "4"), load(), prediction()), "promotion")
    assert (found.status, dict(found.facts)) == ("not checked", {})
    assert "the pointer was moved by something other than vouch" in found.reason


def test_a_move_of_another_stage_takes_no_authority_away(store: LedgerStore) -> None:
    other = move(RecordType.PROMOTION, "4", stage="Production")
    found = link(links(store, move(RecordType.PROMOTION, "3"), other, load(), prediction()), "promotion")
    assert (found.status, found.facts["index"], found.facts["stage"]) == ("verified", 0, "Staging")


def test_a_promotion_of_other_files_under_the_same_number_fails(store: LedgerStore) -> None:
    records = move(RecordType.PROMOTION, "3", model=OTHER), load(), prediction()
    found = link(links(store, *records), "promotion")
    assert (found.status, found.facts["index"]) == ("failed", 0)


def test_a_canary_is_named_by_the_settings_and_by_no_promotion(store: LedgerStore) -> None:
    records = move(RecordType.PROMOTION, "3"), load(role="canary"), prediction()
    found = link(links(store, *records), "promotion")
    assert (found.status, "canary that [serving] names" in found.reason) == ("not checked", True)
