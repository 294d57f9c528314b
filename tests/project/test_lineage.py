"""From an answer back to its data: every link holds, and each one that was changed says so."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from tests.recorded_project import RecordedProject, append, prediction_id

from vouchml.errors import RecordNotFound
from vouchml.ledger.record import RecordType, event
from vouchml.ledger.trace import MOST_TRACED, Trace
from vouchml.project.open_ledger import reading, sign_head
from vouchml.project.tracing import trace
from vouchml.trust.key_ring import KeyRing


def traces_of(project: RecordedProject, name: str, row: int | None = None) -> list[Trace]:
    with reading(project.settings) as store:
        return trace(project.settings, store, name, row=row)[0]


def statuses(project: RecordedProject, name: str = "request-2") -> dict[str, str]:
    (traced,) = traces_of(project, name)
    return {f"{link.part} {link.name}": link.status.value for link in traced.links}


def reason(project: RecordedProject, link: str, name: str = "request-2") -> str:
    (traced,) = traces_of(project, name)
    return next(each.reason for each in traced.links if f"{each.part} {each.name}" == link)


def test_every_link_from_an_answer_to_the_table_is_verified_but_for_the_decision(
    made_recorded: RecordedProject,
) -> None:
    assert statuses(made_recorded) == {
        "record record": "verified",
        "record payload": "verified",
        "log inclusion": "verified",
        "log signature": "verified",
        "log origin": "verified",
        "log key": "verified",
        "model load": "verified",
        "model promotion": "verified",
        "model decision": "not checked",
        "origin version": "verified",
        "origin contract": "verified",
        "origin run": "verified",
        "origin manifest": "verified",
        "origin data": "verified",
    }


def test_a_prediction_is_found_by_its_own_id_and_a_row_by_its_request_or_batch(made_recorded: RecordedProject) -> None:
    (one,) = traces_of(made_recorded, prediction_id(3))
    assert one.leaf["request_id"] == "request-3"
    by_request, by_batch = traces_of(made_recorded, "many", 2), traces_of(made_recorded, prediction_id(9), 2)
    assert by_request == by_batch
    assert by_request[0].leaf["row"] == 2
    assert len(traces_of(made_recorded, "many")) == len(traces_of(made_recorded, prediction_id(9))) == 4


def test_an_unknown_id_a_row_that_was_not_and_the_id_of_an_event_are_not_found(recorded: RecordedProject) -> None:
    append(recorded.settings, event(RecordType.HOLD, {"id": "case-12"}, time=_now(), ids=("case-12",)))
    for name, row in (("request-77", None), ("many", 4), ("case-12", None), ("", None)):
        with pytest.raises(RecordNotFound):
            traces_of(recorded, name, row)


def test_a_record_that_no_checkpoint_covers_is_in_the_tree_and_unsigned(recorded: RecordedProject) -> None:
    _add_predictions(recorded, "later", 1)
    found = statuses(recorded, "later")
    assert (found["log inclusion"], found["log signature"]) == ("verified", "not checked")
    assert sign_head(recorded.settings)
    assert statuses(recorded, "later")["log signature"] == "verified"


def test_of_many_predictions_with_one_id_the_first_are_traced_and_all_are_counted(recorded: RecordedProject) -> None:
    _add_predictions(recorded, "a busy id", MOST_TRACED + 5)
    with reading(recorded.settings) as store:
        traces, found = trace(recorded.settings, store, "a busy id")
    assert (len(traces), found) == (MOST_TRACED, MOST_TRACED + 5)


@pytest.mark.parametrize(
    ("table", "column", "old", "new", "link"),
    [
        ("record", "payload", '"threshold":0.5', '"threshold":0.6', "record payload"),
        ("record", "leaf", "host:1", "host:2", "log inclusion"),
        ("served", "text", '"version":"1"', '"version":"2"', "log inclusion"),
        ("checkpoint", "note", "time 2", "time 1", "log signature"),
    ],
)
def test_a_link_that_was_changed_in_the_store_fails(
    recorded: RecordedProject, table: str, column: str, old: str, new: str, link: str
) -> None:
    kind = "TEXT" if column == "note" else "BLOB"
    changed = f"CAST(replace(CAST({column} AS TEXT), ?, ?) AS {kind})"
    with closing(sqlite3.connect(recorded.folder / "vouch-ledger.db")) as database:
        database.execute(f"UPDATE {table} SET {column} = {changed}", (old, new))
        database.commit()
    assert statuses(recorded)[link] == "failed"


def test_a_key_that_was_revoked_counts_for_nothing(recorded: RecordedProject) -> None:
    ring = KeyRing(recorded.settings.signing_keys_folder, recorded.settings.trust_store_path)
    ring.revoke("development-ledger", reason="stolen")
    assert statuses(recorded)["log key"] == "failed"
    assert "stolen" in reason(recorded, "log key")


def test_a_key_that_was_rotated_counts_for_what_it_signed_before(recorded: RecordedProject) -> None:
    ring = KeyRing(recorded.settings.signing_keys_folder, recorded.settings.trust_store_path)
    ring.rotate("ledger")
    assert statuses(recorded)["log key"] == "verified"


def test_files_that_the_registry_has_changed_are_not_those_that_answered(recorded: RecordedProject) -> None:
    registry_has_version_2_as_1 = (
        "UPDATE model_versions SET source = (SELECT source FROM model_versions WHERE version = 2)"
    )
    with closing(sqlite3.connect(recorded.folder / "mlflow.db")) as database:
        columns = {row[1] for row in database.execute("PRAGMA table_info(model_versions)")}
        if "storage_location" in columns:
            registry_has_version_2_as_1 += (
                ", storage_location = (SELECT storage_location FROM model_versions WHERE version = 2)"
            )
        database.execute(f"{registry_has_version_2_as_1} WHERE version = 1")
        database.execute("UPDATE model_versions SET run_id = 'another' WHERE version = 1")
        database.commit()
    for bundle in (recorded.folder / ".vouch" / "bundles").iterdir():
        bundle.rename(bundle.with_name("f" * 64))
    found = statuses(recorded)
    assert (found["origin version"], found["origin run"]) == ("failed", "failed")


def test_a_table_that_has_changed_since_is_not_called_the_one_that_was_trained_on(recorded: RecordedProject) -> None:
    with recorded.settings.data_path.open("a") as table:
        table.write("\n")
    assert statuses(recorded)["origin data"] == "not checked"


def test_a_registry_that_is_gone_leaves_what_the_ledger_proves(recorded: RecordedProject) -> None:
    (recorded.folder / "mlflow.db").unlink()
    found = statuses(recorded)
    assert found["origin run"] == "not checked"
    assert found["log signature"] == found["origin version"] == "verified"


def _add_predictions(project: RecordedProject, request_id: str, count: int) -> None:
    """Predictions with the leaf of a recorded one, under another request id."""
    with reading(project.settings) as store:
        entry = store.entry(4)
    fields = {**json.loads(entry.leaf), "request_id": request_id}
    for name in ("commitment", "time", "type", "v"):
        del fields[name]
    payload = json.loads(entry.payload or b"{}")
    for number in range(count):
        fields["prediction_id"] = prediction_id(1000 + number)
        ids = (fields["prediction_id"], request_id)
        append(project.settings, event(RecordType.PREDICTION, fields, time=_now(), payload=payload, ids=ids))


def _now() -> datetime:
    return datetime.now(UTC)
