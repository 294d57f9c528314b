"""`vouch promote`: which version may be promoted, and with which reason another may not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.project.evidence.judged_project import JudgedProject

from vouchml.errors import EvidenceMismatch, EvidenceRefused
from vouchml.governance.signed_evidence import EVALUATION_FILE, PROVENANCE_FILE
from vouchml.project.moves import examine, rollback
from vouchml.trust.model_signature import SIGNATURE_FILE


def decision_of(project: JudgedProject, number: int) -> str:
    return next(name for name in project.evidence(number) if name.startswith("decision-"))


def test_a_version_with_a_decision_is_promoted_and_the_ledger_names_the_decision(judged: JudgedProject) -> None:
    judged.promote(1)
    assert judged.pointed == 1
    assert judged.told == []
    moved = judged.events()[-1]
    decided = next(event for event in judged.events() if event["type"] == "decision")
    assert (moved["type"], moved["to_version"], moved["decision"]) == ("promotion", "1", decided["statement"])
    assert (decided["outcome"], decided["by"], decided["model"]) == ("PASS", ["development-gate"], moved["model"])


def lose_the_signature(project: JudgedProject) -> None:
    project.take_away(1, SIGNATURE_FILE)


def lose_the_decision(project: JudgedProject) -> None:
    project.take_away(1, decision_of(project, 1))


def change_a_file(project: JudgedProject) -> None:
    project.change_a_file(1)


def lose_evidence_that_was_decided_on(project: JudgedProject) -> None:
    project.take_away(1, PROVENANCE_FILE)


def change_the_policy(project: JudgedProject) -> None:
    project.ask(minimum_rows=51)


def take_the_evidence_of_another_version(project: JudgedProject) -> None:
    project.copy_evidence(2, 1)


def revoke_the_key_of_the_gate(project: JudgedProject) -> None:
    project.ring.revoke("development-gate", reason="lost")


def revoke_the_model(project: JudgedProject) -> None:
    project.ring.revoke_model(project.sign(1).digest, reason="wrong labels")


def fail_the_gate(project: JudgedProject) -> None:
    project.ask(bounds={"accuracy_lower": 0.9999})
    assert project.decide(1).outcome.verdict == "FAIL"


def find_the_gate_undecided(project: JudgedProject) -> None:
    project.ask(bounds={"roc_auc_lower": 0.99})
    assert project.decide(1).outcome.verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("take_away", "code"),
    [
        (lose_the_signature, "signature-missing"),
        (lose_the_decision, "decision-missing"),
        (change_a_file, "file-changed"),
        (lose_evidence_that_was_decided_on, "decision-missing"),
        (change_the_policy, "policy-mismatch"),
        (take_the_evidence_of_another_version, "file-changed"),
        (revoke_the_key_of_the_gate, "key-revoked"),
        (revoke_the_model, "model-revoked"),
        (fail_the_gate, "decision-failed"),
        (find_the_gate_undecided, "decision-failed"),
    ],
)
def test_without_what_it_needs_a_version_is_refused_and_nothing_moves(
    judged: JudgedProject, take_away: Callable[[JudgedProject], None], code: str
) -> None:
    take_away(judged)
    events = len(judged.events())
    with pytest.raises(EvidenceRefused) as refused:
        judged.promote(1)
    assert refused.value.code == code
    assert refused.value.message.startswith("Version 1 may not be promoted: ")
    assert refused.value.remedy
    assert "VERSION" not in refused.value.remedy
    assert judged.pointed is None
    assert len(judged.events()) == events


def test_a_version_that_was_never_gated_is_refused(judged: JudgedProject) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        judged.promote(2)
    assert (refused.value.code, refused.value.remedy) == ("decision-missing", "Run the gate: vouch gate 2")


def test_a_decision_that_says_pass_without_being_signed_so_does_not_count(judged: JudgedProject) -> None:
    judged.ask(bounds={"accuracy_lower": 0.9999})
    decided = judged.decide(2)
    assert decided.statement is not None
    envelope = json.loads(judged.evidence(2)[decided.statement.file])
    payload = base64.b64decode(envelope["payload"]).replace(b'"FAILED"', b'"PASSED"').replace(b'"FAIL"', b'"PASS"')
    envelope["payload"] = base64.b64encode(payload).decode()
    judged.put(2, decided.statement.file, json.dumps(envelope).encode())
    with pytest.raises(EvidenceRefused) as refused:
        judged.promote(2)
    assert refused.value.code == "signature-invalid"


def test_a_warning_lets_it_through_and_says_so_loudly(judged: JudgedProject) -> None:
    judged.trust(admission="warn")
    judged.promote(2)
    assert judged.pointed == 2
    assert judged.told[0].startswith("WARNING: version 2 has not the evidence that it needs: No gate has decided")
    assert "warn" in judged.told[1]
    assert judged.events()[-1]["decision"] is None


def test_switched_off_nobody_asks_and_that_is_said_too(unsigned: JudgedProject) -> None:
    unsigned.trust(admission="off")
    unsigned.promote(2)
    assert unsigned.pointed == 2
    assert unsigned.told == ['WARNING: [trust] admission is "off": nobody asked what is signed about version 2.']


def test_a_rehearsal_says_the_same_and_moves_nothing(judged: JudgedProject) -> None:
    examined = examine(judged.settings, "1")
    assert examined.admission is not None
    with pytest.raises(EvidenceRefused):
        examine(judged.settings, "2")
    assert judged.pointed is None
    assert all(event["type"] != "promotion" for event in judged.events())


def test_a_rollback_goes_to_a_version_that_may_serve_and_to_no_other(judged: JudgedProject) -> None:
    judged.promote(1)
    # Against the champion the second one fails, so the margins are left out here.
    judged.ask(margins={})
    for number in (1, 2):
        assert judged.decide(number).outcome.verdict == "PASS"
    judged.promote(2)
    rollback(judged.settings, who="a test", why="worse", say=judged.told.append)
    assert judged.pointed == 1
    assert (judged.events()[-1]["type"], judged.events()[-1]["to_version"]) == ("rollback", "1")
    judged.promote(2)
    judged.ring.revoke_model(judged.sign(1).digest, reason="wrong labels")
    with pytest.raises(EvidenceRefused) as refused:
        rollback(judged.settings, who="a test", why="worse again")
    assert refused.value.code == "model-revoked"
    assert judged.pointed == 2


def test_evidence_counts_for_the_gate_only_when_it_is_verified(judged: JudgedProject) -> None:
    judged.ask(required_evidence=("manifest", "provenance", "test_result"))
    assert judged.decide(1, sign=False).outcome.verdict == "PASS"
    judged.put(1, EVALUATION_FILE, judged.evidence(1)[PROVENANCE_FILE])
    decided = judged.decide(1, sign=False)
    assert {finding.rule: finding.verdict.value for finding in decided.outcome.deciding} == {
        "evidence.test_result": "FAIL"
    }
    assert set(decided.refused) == {EVALUATION_FILE}
    assert decided.statement is None


def test_a_manifest_that_the_trainer_did_not_sign_is_not_judged_by(judged: JudgedProject) -> None:
    manifest = judged.run_file(1, "run_manifest.json")
    manifest.write_bytes(manifest.read_bytes().replace(b'"test_size":0.2', b'"test_size":0.3'))
    with pytest.raises(EvidenceMismatch, match="not the one that its trainer signed"):
        judged.decide(1)


def test_without_a_gate_key_the_decision_is_told_and_not_signed(unsigned: JudgedProject) -> None:
    decided = unsigned.decide(1)
    assert (decided.outcome.verdict, decided.statement) == ("PASS", None)
    assert "vouch keys init" in decided.unsigned
    assert unsigned.evidence(1) == {}


def as_json(content: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.b64decode(json.loads(content)["payload"]))
    return document


def test_the_decision_is_a_verification_summary_that_names_its_evidence(judged: JudgedProject) -> None:
    statement = as_json(judged.evidence(1)[decision_of(judged, 1)])
    assert statement["predicateType"] == "https://slsa.dev/verification_summary/v1"
    predicate = statement["predicate"]
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("PASSED", ["VOUCHML_GATE_PASS"])
    assert {each["uri"] for each in predicate["inputAttestations"]} == {
        SIGNATURE_FILE,
        PROVENANCE_FILE,
        EVALUATION_FILE,
    }
