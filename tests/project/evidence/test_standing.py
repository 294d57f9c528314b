"""Where a version stands, as lists show it: every word of it rests on a signature that counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.cli.processes import run
from tests.project.evidence.judged_project import JudgedProject

from vouchml.project.standing import Standing, standing_of, standings


def stands(judged: JudgedProject, number: int = 1, *, later: timedelta = timedelta()) -> Standing:
    at = datetime.now(UTC) + later
    return standing_of(judged.settings, judged.registry, judged.version(number), judged.ring.store(), at=at)


def test_who_signed_and_what_the_gate_decided_until_when_is_listed_and_shown(judged: JudgedProject) -> None:
    root = judged.settings.root
    told = run("registry", "list", cwd=root)
    assert told.returncode == 0, told.stderr
    second, first = [line for line in told.stdout.splitlines() if "development-trainer" in line]
    assert "PASS" in first
    assert "no decision" in second
    assert "Not checked here: whether the files are still those that were signed." in told.stderr
    listed = json.loads(run("registry", "list", "--json", cwd=root).stdout)
    assert listed[1] == json.loads(run("registry", "show", "1", "--json", cwd=root).stdout)
    assert [each["gate"] for each in listed] == ["missing", "PASS"]
    expected = {
        "files_checked": False,
        "signature": "good",
        "signed_by": "development-trainer",
        "gate_key": "development-gate",
        "decision_holds": True,
        "revoked": False,
        "problems": [],
    }
    assert listed[1] | expected == listed[1]
    assert listed[1]["valid_until"] > listed[1]["decided_at"]


def test_a_decision_that_ran_out_or_is_by_another_policy_is_listed_as_one_that_does_not_hold(
    judged: JudgedProject,
) -> None:
    late = stands(judged, later=timedelta(days=400))
    assert (late.decision is not None, late.holds) == (True, False)
    assert "was valid until" in late.problems[0]
    judged.ask(minimum_rows=51)
    other = stands(judged)
    assert not other.holds
    assert other.problems == ("The gate decided by another policy than that of this project.",)


def test_a_decision_that_fails_is_listed_with_its_word(judged: JudgedProject) -> None:
    judged.ask(bounds={"accuracy_lower": 0.9999})
    assert judged.decide(2).outcome.verdict == "FAIL"
    failed = stands(judged, 2)
    assert failed.decision is not None
    assert (failed.decision.verdict, failed.holds, failed.problems) == ("FAIL", False, ())


def test_what_no_trusted_key_signed_is_not_listed_as_signed_or_decided(judged: JudgedProject) -> None:
    judged.ring.revoke("development-gate", reason="lost")
    without_gate = stands(judged)
    assert (without_gate.signature, without_gate.gate, without_gate.decision) == ("good", "refused", None)
    judged.ring.revoke("development-trainer", reason="lost too")
    without_trainer = stands(judged)
    assert (without_trainer.signature, without_trainer.gate) == ("refused", "not checked")
    assert (without_trainer.signer, without_trainer.digest, without_trainer.revoked) == (None, None, None)
    assert "lost too" in without_trainer.problems[0]


def test_a_decision_about_other_files_is_not_listed_as_one_about_these(judged: JudgedProject) -> None:
    decision = next(name for name in judged.evidence(1) if name.startswith("decision-"))
    judged.put(2, decision, judged.evidence(1)[decision])
    assert (stands(judged, 2).gate, stands(judged, 2).decision) == ("refused", None)


def test_a_revoked_model_is_listed_as_revoked(judged: JudgedProject) -> None:
    digest = stands(judged).digest
    assert digest is not None
    judged.ring.revoke_model(digest, reason="wrong labels")
    revoked = stands(judged)
    assert (revoked.revoked, revoked.holds) == (True, False)
    assert "wrong labels" in revoked.problems[0]


def test_a_version_without_evidence_is_listed_as_that(unsigned: JudgedProject) -> None:
    assert stands(unsigned) == Standing("missing", "missing")


def test_what_cannot_be_read_is_not_checked_and_the_versions_are_listed_all_the_same(judged: JudgedProject) -> None:
    judged.ring.store_path.write_text("not toml")
    versions = judged.registry.versions(judged.name)
    for standing in standings(judged.settings, judged.registry, versions).values():
        assert (standing.signature, standing.gate, standing.revoked) == ("not checked", "not checked", None)
        assert standing.problems
    told = run("registry", "list", cwd=judged.settings.root)
    assert told.returncode == 0, told.stderr
    assert "not checked" in told.stdout
