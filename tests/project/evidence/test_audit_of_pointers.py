"""`vouch audit`: every pointer that no decision supports is named."""

from __future__ import annotations

from tests.project.evidence.judged_project import JudgedProject

from vouchml.project.audit import audit
from vouchml.project.doctor import Finding, Outcome
from vouchml.project.doctor.evidence import signing_keys, staged_evidence


def test_a_pointer_moved_by_hand_to_an_ungated_version_is_named(judged: JudgedProject) -> None:
    judged.promote(1)
    client = judged.registry.client
    client.set_registered_model_alias(judged.name, "challenger", "2")
    by_version = {each.version: each for each in audit(judged.settings)}
    assert by_version[1].supported
    assert by_version[1].pointers == ("Staging", "@staging")
    assert by_version[1].told.startswith("PASS by development-gate, valid until ")
    assert (by_version[2].pointers, by_version[2].reason) == (("@challenger",), "decision-missing")
    assert by_version[2].remedy == "Run the gate: vouch gate 2"


def test_a_version_that_nothing_points_to_is_not_asked_about(judged: JudgedProject) -> None:
    assert list(audit(judged.settings)) == []


def test_the_doctor_says_whether_the_version_in_the_stage_may_serve(judged: JudgedProject) -> None:
    assert staged_evidence(judged.settings).outcome is Outcome.WARNING
    judged.promote(1)
    assert staged_evidence(judged.settings).outcome is Outcome.OK
    judged.change_a_file(1)
    found = staged_evidence(judged.settings)
    assert found.outcome is Outcome.PROBLEM
    assert "affine.json" in found.found
    judged.trust(admission="off")
    assert staged_evidence(judged.settings).outcome is Outcome.WARNING


def test_the_doctor_tells_development_keys_from_keys_of_people(judged: JudgedProject, unsigned: JudgedProject) -> None:
    def found(project: JudgedProject) -> Finding:
        return signing_keys(project.settings)

    assert "no valid key for: trainer, evaluator, approver, gate, ledger" in found(unsigned).found
    assert "5 of 5 are development keys" in found(judged).found
    for role in ("trainer", "evaluator", "approver", "gate", "ledger"):
        unsigned.ring.add(f"the-{role}", email=f"{role}@example.org", role=role)
    assert found(unsigned).outcome is Outcome.OK
