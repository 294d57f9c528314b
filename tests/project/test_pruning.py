"""One run of `vouch ledger prune`, on a project."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.recorded_project import append

from vouchml.errors import RetentionRefused
from vouchml.ledger.record import RecordType, event
from vouchml.ledger.retention import cutoffs, find_prunable, prune_record
from vouchml.ledger.trusted_keys import verifiers
from vouchml.ledger.verify import verify_ledger
from vouchml.project.open_ledger import reading, sign_head
from vouchml.project.pruning import prune
from vouchml.settings import LedgerSettings, Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.trust_store_file import read_trust_store


@pytest.fixture
def keyed(project: Settings) -> Settings:
    """A project with keys, whose ledger is still empty."""
    KeyRing(project.signing_keys_folder, project.trust_store_path).add_development_keys()
    return project


def keeping(settings: Settings, **ledger: object) -> Settings:
    return settings.model_copy(update={"ledger": LedgerSettings.model_validate(ledger)})


def add(settings: Settings, *, days: int, count: int) -> int:
    """Predictions of some days ago; the place of the first."""
    time = datetime.now(UTC) - timedelta(days=days)
    made = [event(RecordType.PREDICTION, {"served": None}, time=time, payload={"inputs": ""}) for _ in range(count)]
    return append(settings, *made)


def test_one_number_is_for_every_type_of_record_that_has_a_payload() -> None:
    assert LedgerSettings.model_validate({"retention_days": 400}).retention_days == {"prediction": 400, "outcome": 400}
    only = LedgerSettings.model_validate({"retention_days": {"outcome": 800}})
    assert only.retention_days == {"outcome": 800}


@pytest.mark.parametrize("wrong", [0, -1, "400 days", {"prediction": 0}, {"refusal": 200}, True])
def test_what_is_no_number_of_days_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="retention_days"):
        LedgerSettings.model_validate({"retention_days": wrong})


def test_a_run_prunes_what_is_old_enough_tells_of_it_and_the_next_has_nothing_to_do(keyed: Settings) -> None:
    add(keyed, days=300, count=3)
    young = add(keyed, days=100, count=2)
    settings = keeping(keyed, retention_days=200)

    assert prune(settings, who="Ada Smith", basis=None).payloads == 3
    assert prune(settings, who="Ada Smith", basis=None).payloads == 0

    with reading(settings) as store:
        assert [each.index for each in store.entries(0, 5) if each.payload is not None] == [young, young + 1]
        (told,) = store.events(RecordType.RETENTION_PRUNE)
        leaf = json.loads(told.leaf)
        assert (leaf["count"], leaf["erased"], leaf["who"], leaf["basis"]) == (3, [[0, 3]], "Ada Smith", None)
        keys = verifiers(read_trust_store(settings.trust_store_path), store.origin())
        assert verify_ledger(store, keys).outcome == "ok"


def test_a_dry_run_changes_nothing(keyed: Settings) -> None:
    add(keyed, days=300, count=3)
    settings = keeping(keyed, retention_days=200)
    assert prune(settings, who="Ada Smith", basis=None, dry_run=True).payloads == 3
    with reading(settings) as store:
        assert store.head().size == 3
        assert all(entry.payload is not None for entry in store.entries(0, 3))


def test_a_run_that_ended_after_its_record_is_completed_by_the_next(keyed: Settings) -> None:
    add(keyed, days=300, count=3)
    settings = keeping(keyed, retention_days=200)
    with reading(settings) as store:  # as if the program had been killed between the record and the deed
        before = cutoffs({"prediction": 200}, minimum_days=183, now=datetime.now(UTC), basis=None)
        found = find_prunable(store, before, ())
    append(settings, prune_record(found, who="Ada Smith", basis=None, time=datetime.now(UTC)))
    sign_head(settings)
    with reading(settings) as store:
        keys = verifiers(read_trust_store(settings.trust_store_path), store.origin())
        assert verify_ledger(store, keys).outcome == "ok"
    assert prune(settings, who="Ada Smith", basis=None).payloads == 3


def test_below_the_minimum_a_basis_is_needed_and_recorded(keyed: Settings) -> None:
    add(keyed, days=2, count=1)
    early = keeping(keyed, retention_days=1)
    with pytest.raises(RetentionRefused):
        prune(early, who="Ada Smith", basis=None)
    assert prune(early, who="Ada Smith", basis="agreed with the works council").payloads == 1
    with reading(early) as store:
        told = next(store.events(RecordType.RETENTION_PRUNE), None)
        assert told is not None
        assert json.loads(told.leaf)["basis"] == "agreed with the works council"
