"""`vouch approve`: what people sign, how many of them the policy asks for, and who does not count."""

from __future__ import annotations

import base64
import json

import pytest
from tests.project.evidence.judged_project import JudgedProject

from vouchml.errors import (
    DecisionFailed,
    EvidenceRefused,
    KeyRoleWrong,
    SeparationBroken,
    SettingsInvalid,
    SigningKeyNotFound,
)
from vouchml.project.approving import a_meaning


@pytest.fixture
def people(judged: JudgedProject) -> JudgedProject:
    """One approval is asked for, by another person than the trainer. Grace is one; Ada trained it."""
    judged.ring.revoke("development-trainer", reason="replaced")
    for name, role, email in (
        ("ada", "trainer", "ada@example.org"),
        ("ada-approves", "approver", "Ada@example.org"),
        ("grace", "approver", "grace@example.org"),
    ):
        judged.ring.add(name, role=role, email=email)
    judged.trust(separation="people")
    judged.ask(approvals={"approver": 1})
    judged.sign(1, again=True)
    return judged


def deciding(project: JudgedProject) -> list[str]:
    return [finding.rule for finding in project.decide(1).outcome.deciding]


def test_the_gate_waits_for_the_approval_and_then_it_is_promoted(people: JudgedProject) -> None:
    assert deciding(people) == ["approvals.approver"]
    with pytest.raises(EvidenceRefused):
        people.promote(1)
    people.approve(1, "grace")
    assert deciding(people) == []
    people.promote(1)
    assert people.pointed == 1
    approved = next(event for event in people.events() if event["type"] == "approval")
    assert (approved["by"], approved["meaning"], approved["reason"]) == (["grace"], "approved", "looked at it")


def test_an_author_cannot_approve_alone_not_even_with_another_key(people: JudgedProject) -> None:
    with pytest.raises(SeparationBroken, match="the same person"):
        people.approve(1, "ada-approves")
    # Signed where nobody asked, it does not count either.
    settings = people.settings
    people.trust(separation="none")
    people.approve(1, "ada-approves")
    people.settings = settings
    assert deciding(people) == ["approvals.approver"]


def test_a_rejection_stands_until_the_same_person_takes_it_back(people: JudgedProject) -> None:
    people.approve(1, "grace", "rejected")
    assert deciding(people) == ["approvals.approver", "approvals.rejected"]
    people.approve(1, "grace")
    assert deciding(people) == []


def test_an_inconclusive_outcome_is_accepted_by_a_person_who_says_so(people: JudgedProject) -> None:
    people.ask(bounds={"roc_auc_lower": 0.99}, approvals={})
    assert people.decide(1).outcome.verdict == "INCONCLUSIVE"
    with pytest.raises(EvidenceRefused, match="nobody has accepted that"):
        people.promote(1)
    people.approve(1, "grace", "inconclusive accepted")
    people.promote(1)
    assert people.pointed == 1


def test_there_is_nothing_to_accept_about_a_decision_that_is_not_inconclusive(people: JudgedProject) -> None:
    with pytest.raises(DecisionFailed, match="nothing inconclusive to accept"):
        people.approve(1, "grace", "inconclusive accepted")


def test_who_signed_that_they_authored_it_is_not_let_approve_it(people: JudgedProject) -> None:
    people.approve(1, "grace", "authored")
    with pytest.raises(SeparationBroken):
        people.approve(1, "grace")


def test_the_approval_names_the_person_and_every_file_that_was_there(people: JudgedProject) -> None:
    seen = set(people.evidence(1))
    statement = people.approve(1, "grace")
    signed = json.loads(base64.b64decode(json.loads(people.evidence(1)[statement.file])["payload"]))
    predicate = signed["predicate"]
    assert (predicate["name"], predicate["email"], predicate["meaning"]) == ("grace", "grace@example.org", "approved")
    assert {each["uri"] for each in predicate["evidence"]} == seen


def test_only_the_key_of_an_approver_on_this_machine_can_approve(people: JudgedProject) -> None:
    with pytest.raises(KeyRoleWrong):
        people.approve(1, "ada")
    with pytest.raises(SigningKeyNotFound):
        people.approve(1, "nobody")


def test_an_approval_means_one_of_five_things() -> None:
    assert a_meaning("Reviewed") == "reviewed"
    with pytest.raises(SettingsInvalid):
        a_meaning("fine")
