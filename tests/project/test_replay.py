"""Recorded inputs, scored again: equal to the last bit, or a difference that is told."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

from tests.recorded_project import RecordedProject, append, prediction_id

from vouchml.ledger.erasure import erase, find_erasable
from vouchml.ledger.open import open_for_writing
from vouchml.ledger.record import Record, RecordType, event, time_text
from vouchml.project.open_ledger import reading
from vouchml.project.recorded_versions import RecordedVersions
from vouchml.project.replay import Replay, replay


def replayed(project: RecordedProject, since: str | None = None) -> Replay:
    with reading(project.settings) as store:
        return replay(store, RecordedVersions(project.settings), since=since)


def another(project: RecordedProject, *, by_bits: int = 0, version: str = "1", model: str | None = None) -> Record:
    """The first recorded prediction again, with another probability or version."""
    with reading(project.settings) as store:
        entry = store.entry(2)
    fields = {name: value for name, value in json.loads(entry.leaf).items() if name not in ("time", "type", "v")}
    payload = json.loads(entry.payload or b"{}")
    for _ in range(by_bits):
        payload["probability"] = math.nextafter(payload["probability"], 1.0)
    fields["served"] |= {"version": version, "model": model or fields["served"]["model"]}
    fields["prediction_id"] = prediction_id(77)
    return event(RecordType.PREDICTION, fields, time=datetime.now(UTC), payload=payload)


def test_all_that_was_recorded_comes_out_the_same_alone_and_in_a_batch(made_recorded: RecordedProject) -> None:
    found = replayed(made_recorded)
    assert (found.equal, found.differences, found.exit_status) == (9, [], 0)


def test_a_probability_that_differs_in_its_last_bit_is_told(recorded: RecordedProject) -> None:
    number = append(recorded.settings, another(recorded), another(recorded, by_bits=1))
    found = replayed(recorded)
    (difference,) = found.differences
    assert (difference.number, difference.prediction_id, difference.version) == (number + 1, prediction_id(77), "1")
    assert math.nextafter(difference.replayed, 1.0) == difference.recorded
    assert (found.equal, found.exit_status) == (10, 1)


def test_an_erased_prediction_is_counted_and_the_rest_of_its_batch_is_scored(recorded: RecordedProject) -> None:
    store, _ = open_for_writing(recorded.settings)
    erase(store, find_erasable(store, "many", row=1), basis="GDPR Art. 17(1)(b)", who="Ada Smith")
    store.close()
    found = replayed(recorded)
    assert (found.equal, found.erased, found.exit_status) == (8, 1, 0)


def test_only_what_is_asked_for_is_scored(made_recorded: RecordedProject) -> None:
    assert replayed(made_recorded, time_text(datetime.now(UTC) + timedelta(hours=1))).equal == 0
    assert replayed(made_recorded, time_text(datetime.now(UTC) - timedelta(hours=1))).equal == 9


def test_a_version_whose_files_are_gone_or_others_is_not_scored_and_not_called_equal(recorded: RecordedProject) -> None:
    append(recorded.settings, another(recorded, version="77", model="e" * 64))
    append(recorded.settings, another(recorded, version="2", model="f" * 64))
    found = replayed(recorded)
    assert (found.equal, found.exit_status) == (9, 2)
    assert sum(found.unavailable.values()) == 2
    assert any("other files under version 2" in reason for reason in found.unavailable)


def test_versions_are_fetched_from_the_registry_where_the_cache_has_lost_them(recorded: RecordedProject) -> None:
    for bundle in (recorded.folder / ".vouch" / "bundles").iterdir():
        bundle.rename(bundle.with_name(".somewhere-else"))
    assert replayed(recorded).equal == 9
