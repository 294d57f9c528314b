"""`vouch audit`: every pointer that no decision supports is named."""

from __future__ import annotations

from tests.project.evidence.judged_project import JudgedProject

from vouchml.project.audit import audit
from vouchml.project.doctor import Finding, Outcome
from vouchml.project.doctor.evidence import signing_keys, staged_evidence
from vouchml.registry.stages import quiet_about_stages


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


def test_a_pointer_that_the_last_move_does_not_explain_is_named_although_its_version_may_serve(
    judged: JudgedProject,
) -> None:
    judged.decide(2)
    judged.promote(2)
    judged.promote(1)
    assert all(each.explained for each in audit(judged.settings))
    move_by_hand(judged, 2)
    judged.registry.client.delete_registered_model_alias(judged.name, "staging")
    (found,) = audit(judged.settings)
    assert (found.version, found.supported, found.explained, found.pointers) == (2, True, False, ("Staging",))
    (stray,) = found.strays
    assert "Staging names version 2, and the ledger's last move, record " in stray.told
    assert "by a test at 20" in stray.told
    assert "is to version 1. Something other than vouch moved it" in stray.told
    assert found.remedies[0].startswith("Find out who writes to MLflow. Point back: vouch promote 1 --why TEXT")
    assert found.remedies[0].endswith("record that: vouch promote 2 --why TEXT")


def test_after_a_move_by_hand_nobody_is_told_to_gate_the_version_first(judged: JudgedProject) -> None:
    judged.promote(1)
    move_by_hand(judged, 2)
    by_version = {each.version: each for each in audit(judged.settings)}
    assert by_version[1].explained  # the alias is where vouch put it
    first, then = by_version[2].remedies
    assert first.startswith("Find out who writes to MLflow. Point back: vouch promote 1 --why TEXT")
    assert then == "Until then sign and gate nothing of it. Once it is clear: Run the gate: vouch gate 2"
    told = staged_evidence(judged.settings)
    assert told.outcome is Outcome.PROBLEM
    assert "Something other than vouch moved it" in told.found
    assert told.fix == first


def test_a_pointer_that_was_emptied_or_that_no_move_is_recorded_of_is_named(judged: JudgedProject) -> None:
    move_by_hand(judged, 1)
    (found,) = audit(judged.settings)
    assert found.supported
    assert "Staging names version 1, and the ledger has no move of it." in found.strays[0].told
    judged.promote(1)
    to_stage(judged, 1, "Archived")
    judged.registry.client.delete_registered_model_alias(judged.name, "staging")
    (empty,) = audit(judged.settings)
    assert (empty.version, empty.pointers, empty.explained) == (None, ("Staging", "@staging"), False)
    assert "Staging names nothing, and the ledger's last move" in empty.strays[0].told


def test_where_no_ledger_is_kept_no_pointer_is_held_against_it(judged: JudgedProject) -> None:
    ledger = judged.settings.ledger.model_copy(update={"url": ""})
    judged.settings = judged.settings.model_copy(update={"ledger": ledger})
    move_by_hand(judged, 1)
    assert [(each.supported, each.strays) for each in audit(judged.settings)] == [(True, ())]


def move_by_hand(judged: JudgedProject, number: int) -> None:
    """What MLflow's pages do with a stage."""
    to_stage(judged, number, "Staging")


def to_stage(judged: JudgedProject, number: int, stage: str) -> None:
    with quiet_about_stages():
        judged.registry.client.transition_model_version_stage(
            judged.name, str(number), stage, archive_existing_versions=stage == "Staging"
        )


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
