"""Receipts of a project: under a checkpoint that is signed when one is needed, and the key is here."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime

import pytest
from tests.recorded_project import RecordedProject, append

from vouchml.errors import CheckpointAwaited, OutcomeRefused, RecordAmbiguous
from vouchml.ledger.receipt_check import verify_receipt
from vouchml.ledger.record import RecordType, event
from vouchml.ledger.trusted_keys import verifiers
from vouchml.project.open_ledger import reading
from vouchml.project.outcomes import record_outcome
from vouchml.project.receipts import newest_checkpoint, obtain_receipt
from vouchml.trust.trust_store_file import read_trust_store


def keys_of(project: RecordedProject) -> tuple[object, ...]:
    with reading(project.settings) as store:
        return verifiers(read_trust_store(project.settings.trust_store_path), store.origin())


def add_prediction(project: RecordedProject, name: str) -> None:
    fields = {"prediction_id": name, "request_id": name, "served": None}
    append(project.settings, event(RecordType.PREDICTION, fields, time=datetime.now(UTC), payload={}, ids=(name,)))


def test_a_receipt_verifies_with_the_key_of_the_trust_store(made_recorded: RecordedProject) -> None:
    receipt = obtain_receipt(made_recorded.settings, "request-1")
    assert verify_receipt(receipt, *keys_of(made_recorded)).outcome == "ok"  # type: ignore[arg-type]


def test_a_row_has_a_receipt_of_its_own_and_a_request_of_many_has_none(made_recorded: RecordedProject) -> None:
    assert '"row":2' in obtain_receipt(made_recorded.settings, "many", row=2).record.leaf
    with pytest.raises(RecordAmbiguous, match="4 predictions"):
        obtain_receipt(made_recorded.settings, "many")


def test_a_checkpoint_is_signed_for_a_receipt_that_needs_one(recorded: RecordedProject) -> None:
    add_prediction(recorded, "late")
    receipt = obtain_receipt(recorded.settings, "late")
    assert verify_receipt(receipt, *keys_of(recorded)).outcome == "ok"  # type: ignore[arg-type]


def test_without_the_key_a_receipt_is_told_how_long_to_wait_for(recorded: RecordedProject) -> None:
    add_prediction(recorded, "covered")
    before = newest_checkpoint(recorded.settings)
    add_prediction(recorded, "late")
    shutil.rmtree(recorded.settings.signing_keys_folder)
    with pytest.raises(CheckpointAwaited) as told:
        obtain_receipt(recorded.settings, "late")
    assert "60 seconds" in told.value.remedy
    assert newest_checkpoint(recorded.settings) == before


def test_an_outcome_is_recorded_with_its_label_in_the_payload_only(recorded: RecordedProject) -> None:
    place = record_outcome(recorded.settings, "request-1", "benign", row=None, who="Ada Smith")
    with reading(recorded.settings) as store:
        entry = store.entry(place)
        assert store.find("request-1")[-1] == place
        assert store.find("request-1")[0] == json.loads(entry.leaf)["about"]
    assert b"benign" not in entry.leaf
    assert entry.payload == b'{"label":"benign","value":1}'


def test_an_outcome_may_be_named_by_the_target_value_and_no_other_word_is_taken(recorded: RecordedProject) -> None:
    place = record_outcome(recorded.settings, "many", "0", row=3, who="Ada Smith")
    with reading(recorded.settings) as store:
        assert b'"label":"malignant"' in (store.entry(place).payload or b"")
        size = store.head().size
    with pytest.raises(OutcomeRefused, match="no such label"):
        record_outcome(recorded.settings, "request-1", "perhaps", row=None, who="Ada Smith")
    with reading(recorded.settings) as store:
        assert store.head().size == size
