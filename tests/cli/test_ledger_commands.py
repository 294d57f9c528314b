"""The commands of operators and auditors, as processes, on a ledger of real predictions."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.cli.processes import run, run_at_terminal
from tests.own_copy import own_copy
from tests.recorded_project import append, recorded_project

from vouchml.ledger.record import RecordType, event, time_text
from vouchml.settings import load_settings

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def made(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with nine predictions: to read, and to copy."""
    return recorded_project(trained_folder, tmp_path_factory.mktemp("made") / "a project").folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return own_copy(made, tmp_path / "a project").root


def tamper(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "vouch-ledger.db")) as database:
        assert database.execute(statement).rowcount
        database.commit()


def document(done: Done) -> Any:
    return json.loads(done.stdout)


def test_a_trace_is_a_tree_whose_links_say_whether_they_hold(made: Path) -> None:
    done = run("trace", "request-2", cwd=made)
    assert done.returncode == 0, done.stderr
    assert "[verified]  payload: The payload is the one that the leaf commits to." in done.stdout
    assert "[not checked]  decision: No decision is recorded" in done.stdout
    assert "mean radius" in done.stdout
    assert "[failed]" not in done.stdout


def test_a_trace_of_what_was_changed_exits_with_1_and_names_the_link(folder: Path) -> None:
    tamper(folder, "UPDATE record SET payload = CAST(replace(CAST(payload AS TEXT), 'a caller', 'b caller') AS BLOB)")
    done = run("trace", "request-2", "--json", cwd=folder)
    assert done.returncode == 1
    assert [link["name"] for link in document(done)[0]["links"] if link["status"] == "failed"] == ["payload"]


def test_an_unknown_id_is_one_line_with_what_to_do(made: Path) -> None:
    for command in ("trace", "receipt"):
        done = run(command, "nobody", cwd=made)
        assert (done.returncode, done.stdout) == (10, "")
        assert done.stderr.startswith("error: The ledger has no prediction with this id.\n")


def test_a_receipt_verifies_in_the_project_elsewhere_by_its_key_and_elsewhere_without_only_in_part(
    made: Path, tmp_path: Path
) -> None:
    receipt, keys = tmp_path / "r.json", tmp_path / "keys.txt"
    assert run("receipt", "request-2", "-o", str(receipt), cwd=made).returncode == 0
    keys.write_text("\n".join(document(run("ledger", "init", "--json", cwd=made))["verifier_keys"]))
    assert run("verify-receipt", str(receipt), cwd=made).returncode == 0
    assert run("verify-receipt", "r.json", "--key", "keys.txt", cwd=tmp_path).returncode == 0
    assert run("verify-receipt", "r.json", "--key", keys.read_text().strip(), cwd=tmp_path).returncode == 0
    without = run("verify-receipt", "r.json", "--json", cwd=tmp_path)
    assert without.returncode == 2
    statuses = {link["name"]: link["status"] for link in document(without)["links"]}
    assert (statuses["inclusion"], statuses["signature"]) == ("verified", "not checked")


def test_a_receipt_that_was_changed_or_is_of_another_ledger_fails(made: Path, tmp_path: Path) -> None:
    text = run("receipt", "request-2", cwd=made).stdout
    changed = tmp_path / "changed.json"
    changed.write_text(text.replace("a caller", "b caller"))
    done = run("verify-receipt", str(changed), cwd=made)
    assert done.returncode == 1
    assert "do not rely on this receipt" in done.stderr
    other = "example.com/other+b0c9e6b8+AU4xK1bm3sVWIq7CgBHqNJFlYJCPKF0xEqCsTSiQ3mmi"
    whole = tmp_path / "whole.json"
    whole.write_text(text)
    assert run("verify-receipt", str(whole), "--key", other, cwd=made).returncode == 10  # the key was miscopied


def test_a_receipt_without_its_payload_shows_none_of_it(made: Path) -> None:
    text = run("receipt", "many", "--row", "1", "--without-payload", cwd=made).stdout
    assert document(run("receipt", "many", "--row", "1", cwd=made))["payload"] is not None
    assert (json.loads(text)["payload"], json.loads(text)["salt"]) == (None, None)


def test_a_whole_ledger_verifies_and_says_what_that_is_worth(made: Path, tmp_path: Path) -> None:
    done = run("ledger", "verify", cwd=made)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "C: this host only: internally consistent; not evidence against the operator" in done.stdout
    kept = tmp_path / "checkpoint.txt"
    assert run("ledger", "checkpoint", "-o", str(kept), cwd=made).returncode == 0
    anchored = run("ledger", "verify", "--checkpoint", str(kept), "--grade", "A", "--json", cwd=made)
    found = document(anchored)
    assert (found["outcome"], found["grade"], found["unanchored_tail"]) == ("ok", "A", 0)


def test_what_was_changed_exits_with_1_and_says_where(folder: Path) -> None:
    tamper(
        folder, "UPDATE record SET leaf = CAST(replace(CAST(leaf AS TEXT), 'host:1', 'host:2') AS BLOB) WHERE idx = 4"
    )
    done = run("ledger", "verify", cwd=folder)
    assert done.returncode == 1
    assert "TAMPERED" in done.stdout


def test_an_end_that_was_cut_off_is_found_by_a_checkpoint_that_was_kept_elsewhere(folder: Path, tmp_path: Path) -> None:
    shorter = Path(shutil.copytree(folder, tmp_path / "as it was"))
    kept = tmp_path / "checkpoint.txt"
    assert run("ledger", "hold", "--request-id", "request-1", "--reason", "case 12", cwd=folder).returncode == 0
    assert run("ledger", "checkpoint", "-o", str(kept), cwd=folder).returncode == 0
    assert run("ledger", "verify", cwd=shorter).returncode == 0
    done = run("ledger", "verify", "--checkpoint", str(kept), "--json", cwd=shorter)
    assert done.returncode == 1
    assert [finding["kind"] for finding in document(done)["findings"]] == ["truncated"]


def test_without_the_key_evidence_is_missing(folder: Path) -> None:
    (folder / "trust.toml").write_text("")
    assert run("ledger", "verify", "--quiet", cwd=folder).returncode == 2


def test_only_what_a_checkpoint_does_not_cover_is_verified_since_it(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint.txt"
    run("ledger", "checkpoint", "-o", str(kept), cwd=folder)
    run("ledger", "hold", "--since", "2026-01-01", "--reason", "case 12", cwd=folder)
    done = run("ledger", "verify", "--since", str(kept), "--json", cwd=folder)
    assert (done.returncode, document(done)["outcome"]) == (0, "ok")
    assert run("ledger", "verify", "--since", "vouch.toml", cwd=folder).returncode == 10
    assert run("ledger", "verify", "--since", "not there", cwd=folder).returncode == 8


def test_the_status_counts_records_checkpoints_bytes_and_names_keys_and_holds(folder: Path) -> None:
    number = document(run("ledger", "hold", "--request-id", "many", "--reason", "case 12", "--json", cwd=folder))[
        "hold"
    ]
    found = document(run("ledger", "status", "--json", cwd=folder))
    assert (found["records"], found["unsigned_tail"], found["grade"]) == (12, 0, "C")
    assert found["on_disk"] > 10_000
    assert [hold["number"] for hold in found["holds"]] == [number]
    assert "case 12" in run("ledger", "status", cwd=folder).stdout


def test_an_export_has_a_row_a_record_and_only_what_was_asked_for(made: Path, tmp_path: Path) -> None:
    whole, some = tmp_path / "whole.parquet", tmp_path / "some.parquet"
    assert run("ledger", "export", "-o", str(whole), cwd=made).returncode == 0
    assert run("ledger", "export", "-o", str(some), "--type", "model_loaded", cwd=made).returncode == 0
    table = pq.read_table(whole)
    assert table.num_rows == 11
    assert table["type"].to_pylist().count("prediction") == 9
    assert len(table["inputs"].to_pylist()[-1]) == 30
    assert table["caller"].to_pylist()[2] == "a caller"
    assert pq.read_table(some)["type"].to_pylist() == ["model_loaded"]
    assert whole.stat().st_mode & 0o077 == 0
    later = run("ledger", "export", "-o", str(some), "--since", "2099-01-01", cwd=made)
    assert (later.returncode, pq.read_table(some).num_rows) == (0, 0)
    assert run("ledger", "export", "-o", str(some), "--type", "predictions", cwd=made).returncode == 2
    assert run("ledger", "export", "-o", str(some), "--since", "yesterday", cwd=made).returncode == 2


def test_a_replay_of_untouched_records_exits_with_0_and_of_a_changed_probability_with_1(folder: Path) -> None:
    assert document(run("replay", "--json", cwd=folder)) == {
        "equal": 9,
        "erased": 0,
        "differences": [],
        "unavailable": {},
    }
    tamper(
        folder,
        "UPDATE record SET payload = "
        "CAST(replace(CAST(payload AS TEXT), '\"probability\":', '\"probability\":1') AS BLOB) WHERE idx = 4",
    )
    done = run("replay", cwd=folder)
    assert done.returncode == 1
    assert "8 equal, 1 differ, 0 erased." in done.stdout


def test_an_erased_request_is_gone_and_the_trace_says_when_and_on_what_basis(folder: Path) -> None:
    assert run("outcome", "request-2", "benign", cwd=folder).returncode == 0
    erase = ("ledger", "erase", "--request-id", "request-2", "--basis", "GDPR Art. 17(1)(b)")
    asked = run_at_terminal(*erase, cwd=folder, answer="n\n")
    assert asked.returncode == 130
    assert "Destroy 2 payloads for good?" in asked.stderr
    unasked = run(*erase, cwd=folder, text="y\n")
    assert (unasked.returncode, unasked.stderr.splitlines()[-1]) == (2, "Answer beforehand: --yes")
    done = run(*erase, "--yes", cwd=folder)
    assert (done.returncode, done.stdout.startswith("Erased 2 payloads")) == (0, True)
    traced = run("trace", "request-2", cwd=folder).stdout
    assert "[not checked]  payload: The payload was erased." in traced
    assert "on the basis: GDPR Art. 17(1)(b)." in traced
    assert "mean radius" not in traced
    assert run("ledger", "verify", cwd=folder).returncode == 0
    again = run("ledger", "erase", "--request-id", "request-2", "--basis", "again", "--yes", cwd=folder)
    assert "gone already" in again.stderr


def test_a_request_id_of_several_requests_is_erased_and_held_only_with_all(folder: Path) -> None:
    ids = ("f" * 32, "request-2")
    fields = {"prediction_id": ids[0], "request_id": ids[1], "served": {"model": "m"}}
    now = datetime.now(UTC)
    another = event(RecordType.PREDICTION, fields, time=now, payload={"caller": "another caller"}, ids=ids)
    place = append(load_settings(folder / "vouch.toml"), another)
    erase = ("ledger", "erase", "--basis", "GDPR Art. 17(1)(b)", "--yes", "--json", "--request-id")
    for command in (erase, ("ledger", "hold", "--reason", "case 12", "--request-id")):
        refused = run(*command, "request-2", cwd=folder)
        assert refused.returncode == 10
        assert "2 requests have this id" in refused.stderr
        assert "by a caller; " in refused.stderr
        assert f"{time_text(now)} by another caller" in refused.stderr
    assert document(run(*erase, ids[0], cwd=folder))["erased"] == [place]
    assert len(document(run(*erase, "request-2", "--all", cwd=folder))["erased"]) == 1
    assert (
        run("ledger", "hold", "--reason", "case 12", "--request-id", "request-2", "--all", cwd=folder).returncode == 0
    )


def test_what_is_held_is_not_erased_before_it_is_released_unless_a_reason_is_recorded(folder: Path) -> None:
    erase = ("ledger", "erase", "--request-id", "many", "--basis", "GDPR Art. 17(1)(b)", "--yes")
    number = document(run("ledger", "hold", "--request-id", "many", "--reason", "case 12", "--json", cwd=folder))[
        "hold"
    ]
    refused = run(*erase, cwd=folder)
    assert refused.returncode == 10
    assert f"hold {number}" in refused.stderr
    assert run(*erase, "--row", "0", "--override-hold", "order of a court", cwd=folder).returncode == 0
    assert run("ledger", "release", str(number), "--reason", "closed", cwd=folder).returncode == 0
    assert document(run(*erase, "--json", cwd=folder))["erased"] == [8, 9, 10]


def test_a_hold_is_of_a_request_or_of_a_time_and_not_of_both_or_nothing(made: Path) -> None:
    for options in ((), ("--request-id", "many", "--since", "2026-01-01"), ("--since", "soon")):
        assert run("ledger", "hold", "--reason", "case 12", *options, cwd=made).returncode == 2


def test_pruning_needs_days_and_below_the_minimum_a_basis(folder: Path) -> None:
    nothing = run("ledger", "prune", cwd=folder)
    assert (nothing.returncode, "retention_days" in nothing.stderr) == (10, True)
    early = run("ledger", "prune", cwd=folder, VOUCH_LEDGER__RETENTION_DAYS="30")
    assert (early.returncode, "183 days" in early.stderr) == (10, True)
    days = '{"prediction": 200}'
    kept = run("ledger", "prune", "--json", "--dry-run", cwd=folder, VOUCH_LEDGER__RETENTION_DAYS=days)
    assert (kept.returncode, document(kept)["payloads"], list(document(kept)["before"])) == (0, 0, ["prediction"])


def test_a_promotion_is_in_the_log_before_the_pointer_moves(folder: Path) -> None:
    done = run("registry", "promote", "1", "--why", "the best", cwd=folder, VOUCH_TRUST__ADMISSION="off")
    assert done.returncode == 0, done.stderr
    exported = folder / "moves.parquet"
    run("ledger", "export", "-o", str(exported), "--type", "promotion", cwd=folder)
    leaf = json.loads(pq.read_table(exported)["leaf"].to_pylist()[-1])
    assert (leaf["to_version"], leaf["why"], leaf["stage"]) == ("1", "the best", "Staging")
    assert len(leaf["model"]) == 64
    (folder / "vouch-ledger.db").rename(folder / "elsewhere.db")
    refused = run("registry", "promote", "2", "--why", "unseen", cwd=folder, VOUCH_TRUST__ADMISSION="off")
    assert (refused.returncode, "is gone" in refused.stderr) == (10, True)
    assert document(run("registry", "show", "--json", cwd=folder))["version"] == 1


def test_a_ledger_is_created_once_and_a_file_has_no_roles(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(folder / "vouch.toml", new)
    first = document(run("ledger", "init", "--json", cwd=new))
    assert first["verifier_keys"] == []
    assert document(run("ledger", "init", "--json", cwd=new)) == first
    assert run("ledger", "status", cwd=new).returncode == 0
    assert run("ledger", "checkpoint", cwd=new).returncode == 10
    assert run("ledger", "init", "--service-role", "service", cwd=new).returncode == 10


def test_commands_that_read_a_ledger_make_none(tmp_path: Path, made: Path) -> None:
    shutil.copy(made / "vouch.toml", tmp_path)
    for command in (("trace", "x"), ("ledger", "status"), ("ledger", "verify"), ("replay",)):
        done = run(*command, cwd=tmp_path)
        assert done.returncode == 10, done.stderr
        assert "vouch ledger init" in done.stderr
    assert not (tmp_path / "vouch-ledger.db").exists()
