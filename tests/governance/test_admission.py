"""What admission refuses, each with its own reason, and what it lets in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.governance.signed_model import SignedModel, make_signed_model

from vouchml.errors import EvidenceRefused
from vouchml.governance.signed_evidence import APPROVAL, BREAK_GLASS, DECISION, dated_files, dated_name
from vouchml.trust.model_signature import SIGNATURE_FILE

Change = Callable[[SignedModel], object]


@pytest.fixture
def model(tmp_path: Path) -> SignedModel:
    return make_signed_model(tmp_path)


def decision_file(model: SignedModel) -> str:
    return next(dated_files(model.files, DECISION))[0]


def change_a_byte(model: SignedModel, name: str) -> None:
    path = model.folder / name
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def forge_name(model: SignedModel) -> None:
    """An approval by ada, whose text says that it is bob's: the text is changed after it was signed."""
    name = model.approve("ada")
    envelope = json.loads(model.files[name])
    payload = base64.b64decode(envelope["payload"]).replace(b"ada@", b"bob@").replace(b'"ada"', b'"bob"')
    envelope["payload"] = base64.b64encode(payload).decode()
    model.files[name] = json.dumps(envelope).encode()


def refusal(model: SignedModel, **asked: Any) -> str:
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(**asked)
    return refused.value.code


def take_decision_of_another(model: SignedModel) -> None:
    del model.files[decision_file(model)]
    model.decide(digest="b" * 64)


REFUSED: dict[str, tuple[Change, str]] = {
    "no signature": (lambda model: model.files.pop(SIGNATURE_FILE), "signature-missing"),
    "a signature that is not one": (lambda model: model.files.update({SIGNATURE_FILE: b"{}"}), "envelope-invalid"),
    "a byte of the weights": (lambda model: change_a_byte(model, "onnx/model.onnx"), "file-changed"),
    "a byte of MLmodel": (lambda model: change_a_byte(model, "MLmodel"), "file-changed"),
    "a byte of the contract": (lambda model: change_a_byte(model, "contract.json"), "file-changed"),
    "an added file": (lambda model: (model.folder / "x.pkl").write_bytes(b"cos\nsystem\n"), "file-added"),
    "a removed file": (lambda model: (model.folder / "MLmodel").unlink(), "file-missing"),
    "a link": (lambda model: (model.folder / "link").symlink_to("/etc/passwd"), "file-not-plain"),
    "a trainer's key revoked": (
        lambda model: model.keys.revoke("development-trainer", reason="stolen"),
        "key-revoked",
    ),
    "a gate's key revoked": (lambda model: model.keys.revoke("development-gate", reason="stolen"), "key-revoked"),
    "no trust store": (lambda model: (model.root / "trust.toml").unlink(), "key-unknown"),
    "no decision": (lambda model: model.files.pop(decision_file(model)), "decision-missing"),
    "a decision about another digest": (take_decision_of_another, "statement-mismatch"),
    "a decision FAIL": (lambda model: model.decide("FAIL", before=-1), "decision-failed"),
    "a decision by another policy": (
        lambda model: (model.files.pop(decision_file(model)), model.decide(policy="b" * 64)),
        "policy-mismatch",
    ),
    "a decision on another contract": (
        lambda model: (model.files.pop(decision_file(model)), model.decide(contract="b" * 64)),
        "contract-mismatch",
    ),
    "evidence changed since the decision": (
        lambda model: model.sign(),  # P-256 signatures differ each time
        "decision-missing",
    ),
    "a revoked model": (lambda model: model.keys.revoke_model(model.digest, reason="biased"), "model-revoked"),
    "inconclusive and accepted by nobody": (lambda model: model.decide("INCONCLUSIVE", before=-1), "decision-failed"),
}


def test_a_model_with_signature_and_decision_is_let_in(model: SignedModel) -> None:
    admission = model.admit(later=2)
    assert admission.decision is not None
    assert admission.decision.verdict == "PASS"
    assert admission.trainer.name == "development-trainer"
    assert admission.to_dict()["gate"] == "development-gate"


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_missing_or_changed_denies_with_its_own_reason(model: SignedModel, what: str) -> None:
    change, code = REFUSED[what]
    digest = model.digest
    change(model)
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(digest=digest, later=2)
    assert refused.value.code == code, refused.value.diagnostics()


def test_a_decision_ends_with_its_time(model: SignedModel) -> None:
    del model.files[decision_file(model)]
    model.decide(days=1)
    model.admit(later=86_399)
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(later=86_400)
    assert refused.value.code == "decision-expired"


def test_a_newer_fail_beats_an_older_pass_and_the_other_way_round(model: SignedModel) -> None:
    model.decide("FAIL", before=60)
    model.admit()
    model.decide("FAIL", before=-1)
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(later=2)
    assert refused.value.code == "decision-failed"
    model.decide("PASS", before=-2)
    model.admit(later=3)


def test_a_decision_that_a_trainer_signed_is_none(model: SignedModel) -> None:
    # Another role's key, under the name of a decision.
    name = decision_file(model)
    model.keys.add("mallory", email="m@example.org", role="approver")
    approval = model.files[model.approve("mallory")]
    model.files[name] = approval
    with pytest.raises(EvidenceRefused) as refused:
        model.admit()
    assert refused.value.code == "key-role-wrong"


def test_as_many_people_must_approve_as_the_policy_asks(model: SignedModel) -> None:
    model.approve("ada")
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(approvals={"approver": 2})
    assert refused.value.code == "approvals-missing"
    model.approve("ada", before=-1)
    with pytest.raises(EvidenceRefused):  # nobody counts twice
        model.admit(approvals={"approver": 2}, later=2)
    model.approve("bob")
    assert len(model.admit(approvals={"approver": 2}, later=2).approvals) == 3


def test_an_approval_in_anothers_name_does_not_count(model: SignedModel) -> None:
    forge_name(model)
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(approvals={"approver": 1})
    assert refused.value.code == "signature-invalid"


def test_who_is_the_same_person_as_the_author_cannot_approve_alone(model: SignedModel) -> None:
    model.approve("development-approver")
    model.admit(approvals={"approver": 1}, separation="roles")
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(approvals={"approver": 1}, separation="people")
    assert refused.value.code == "separation-broken"
    model.approve("ada")
    model.admit(approvals={"approver": 1}, separation="people")


def test_a_rejection_counts_until_the_same_person_approves(model: SignedModel) -> None:
    model.approve("ada", before=1)
    model.approve("bob", "rejected")
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(approvals={"approver": 1})
    assert refused.value.code == "approvals-missing"
    model.approve("bob", before=-1)
    model.admit(approvals={"approver": 2}, later=2)


def test_an_approval_of_another_model_does_not_count(model: SignedModel, tmp_path: Path) -> None:
    other = make_signed_model(tmp_path / "other")
    (other.root / "trust.toml").write_text((model.root / "trust.toml").read_text())
    name = model.approve("ada")
    approval = model.files[name]
    change_a_byte(model, "MLmodel")
    model.sign()
    del model.files[decision_file(model)]
    model.decide()
    model.files[name] = approval
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(approvals={"approver": 1})
    assert refused.value.code == "statement-mismatch"


def test_an_inconclusive_outcome_needs_a_persons_signature(model: SignedModel) -> None:
    model.decide("INCONCLUSIVE", before=-1)
    model.approve("ada", "inconclusive accepted")
    admission = model.admit(later=2)
    assert admission.to_dict()["outcome"] == "INCONCLUSIVE"


def test_two_people_may_break_the_glass_for_four_hours_and_no_longer(model: SignedModel) -> None:
    del model.files[decision_file(model)]
    model.break_glass("ada", "bob")
    admission = model.admit(later=4 * 3600 - 1)
    assert admission.is_break_glass
    assert admission.decision_sha256 is None
    with pytest.raises(EvidenceRefused) as refused:
        model.admit(later=4 * 3600)
    assert refused.value.code == "decision-missing"


def test_breaking_the_glass_skips_no_signature(model: SignedModel) -> None:
    model.break_glass("ada", "bob")
    change_a_byte(model, "onnx/model.onnx")
    with pytest.raises(EvidenceRefused) as refused:
        model.admit()
    assert refused.value.code == "file-changed"


@pytest.mark.parametrize(("other", "hours"), [("ada", 4.0), ("bob", 4.1)])
def test_one_person_alone_or_longer_than_four_hours_breaks_no_glass(
    model: SignedModel, other: str, hours: float
) -> None:
    del model.files[decision_file(model)]
    model.break_glass("ada", other, hours=hours)
    with pytest.raises(EvidenceRefused) as refused:
        model.admit()
    assert refused.value.code == "decision-missing"


def test_emergencies_of_one_model_last_twelve_hours_altogether_and_overlaps_count_once(model: SignedModel) -> None:
    del model.files[decision_file(model)]
    for hours_ago in (20, 12, 10):  # 10 hours, since the last two overlap
        model.break_glass("ada", "bob", before=3600 * hours_ago)
    last = model.break_glass("ada", "bob", hours=2)
    assert model.admit().is_break_glass
    del model.files[last]
    model.break_glass("ada", "bob", hours=2.1)
    assert refusal(model) == "decision-missing"


def test_an_emergency_by_a_key_that_has_run_out_still_counts_against_the_limit(model: SignedModel) -> None:
    del model.files[decision_file(model)]
    for hours_ago in (20, 16, 12):
        model.break_glass("ada", "bob", before=3600 * hours_ago)
    model.keys.add("eve", email="eve@example.org", role="approver")
    model.keys.add("fay", email="fay@example.org", role="approver")
    for name in ("ada", "bob"):
        model.keys.rotate(name)
    model.break_glass("eve", "fay", hours=0.1)
    assert refusal(model, later=3) == "decision-missing"


def test_a_revoked_model_is_refused_as_such_whatever_became_of_its_trainers_key(model: SignedModel) -> None:
    model.keys.revoke("development-trainer", reason="left")
    model.keys.revoke_model(model.digest, reason="biased")
    assert refusal(model) == "model-revoked"


def test_nobody_accepts_an_inconclusive_decision_on_their_own_work(model: SignedModel) -> None:
    model.keys.add("tina", email="tina@example.org", role="trainer")
    model.keys.add("tina-approves", email="Tina@example.org", role="approver")
    model.sign("tina")
    del model.files[decision_file(model)]
    model.decide("INCONCLUSIVE")
    model.approve("tina-approves", "inconclusive accepted")
    model.approve("ada", "authored", before=1)
    model.approve("ada", "inconclusive accepted")
    assert refusal(model, separation="people") == "decision-failed"
    model.approve("bob", "inconclusive accepted")
    model.admit(separation="people")


def test_whoever_accepts_an_inconclusive_decision_accepts_that_one_and_no_other(model: SignedModel) -> None:
    del model.files[decision_file(model)]
    model.decide("INCONCLUSIVE", before=60)
    model.approve("ada", "inconclusive accepted", before=-1)
    model.admit(later=1)
    model.decide("INCONCLUSIVE")
    assert refusal(model, later=1) == "decision-failed"


def test_a_copy_of_an_approval_under_a_later_name_outvotes_no_rejection(model: SignedModel) -> None:
    approval = model.approve("ada", before=100)
    model.approve("ada", "rejected", before=50)
    key, _ = model.keys.signer("approver", "ada")
    later = dated_name(APPROVAL, model.at + timedelta(days=1), key.public.key_id)
    model.files[later] = model.files[approval]
    assert refusal(model, approvals={"approver": 1}) == "approvals-missing"


def test_of_one_persons_words_in_one_second_the_rejection_counts(model: SignedModel) -> None:
    model.keys.add("ada-too", email="ada@example.org", role="approver")
    for approves, rejects in (("ada", "ada-too"), ("ada-too", "ada")):
        model.approve(approves)
        model.approve(rejects, "rejected")
        assert refusal(model, approvals={"approver": 1}) == "approvals-missing"


@pytest.mark.parametrize(("counts", "other"), [("FAIL", "PASS"), ("FAIL", "INCONCLUSIVE"), ("INCONCLUSIVE", "PASS")])
def test_of_decisions_in_one_second_the_more_careful_counts(model: SignedModel, counts: str, other: str) -> None:
    model.keys.add("gate-too", email="gate@example.org", role="gate")
    for one, two in (("development-gate", "gate-too"), ("gate-too", "development-gate")):
        model.decide(counts, gate=one)
        model.decide(other, gate=two)
        assert refusal(model) == "decision-failed"


def test_a_decision_under_a_later_name_is_none(model: SignedModel) -> None:
    passed = model.files[decision_file(model)]
    model.decide("FAIL", before=-1)
    model.files["decision-99991231T235959Z-ffffffff.dsse.json"] = passed
    assert refusal(model, later=2) == "decision-failed"
    for name in [name for name, content in dated_files(model.files, DECISION) if content != passed]:
        del model.files[name]
    del model.files[next(name for name, _ in dated_files(model.files, DECISION) if not name.startswith("decision-9"))]
    assert refusal(model, later=2) == "statement-invalid"


def test_an_approval_or_an_emergency_admission_under_another_name_is_none(model: SignedModel) -> None:
    name = model.approve("ada")
    model.files[f"{APPROVAL}-99991231T235959Z-ffffffff.dsse.json"] = model.files.pop(name)
    assert refusal(model, approvals={"approver": 1}) == "statement-invalid"
    del model.files[decision_file(model)]
    name = model.break_glass("ada", "bob")
    model.admit()
    model.files[f"{BREAK_GLASS}-99991231T235959Z-ffffffff.dsse.json"] = model.files.pop(name)
    assert refusal(model) == "decision-missing"


OTHER = "another_model"
FOR_ANOTHER: Mapping[str, tuple[Change, str]] = {
    "the signature": (lambda model: model.sign(model=OTHER), "statement-mismatch"),
    "the decision": (
        lambda model: (model.files.pop(decision_file(model)), model.decide(model=OTHER)),
        "statement-mismatch",
    ),
    "an approval": (lambda model: model.approve("ada", model=OTHER), "statement-mismatch"),
    "breaking the glass": (
        lambda model: (model.files.pop(decision_file(model)), model.break_glass("ada", "bob", model=OTHER)),
        "decision-missing",
    ),
}


@pytest.mark.parametrize("what", FOR_ANOTHER)
def test_what_was_signed_for_another_registered_model_does_not_count(model: SignedModel, what: str) -> None:
    change, code = FOR_ANOTHER[what]
    change(model)
    assert refusal(model, approvals={"approver": 1} if what == "an approval" else {}) == code


@pytest.mark.parametrize("separation", ["roles", "people"])
def test_who_signed_that_they_authored_it_does_not_approve_it(model: SignedModel, separation: str) -> None:
    model.approve("ada", "authored", before=10)
    model.approve("ada", before=5)
    assert refusal(model, approvals={"approver": 1}, separation=separation) == "separation-broken"
    model.approve("bob")
    model.admit(approvals={"approver": 1})


def test_one_address_written_in_two_ways_is_one_person(model: SignedModel) -> None:
    for name, email in (("zoe", "zo\u00e9@example.org"), ("zoe-too", "ZOE\u0301@example.org")):
        model.keys.add(name, email=email, role="approver")
        model.approve(name)
    assert refusal(model, approvals={"approver": 2}, separation="people") == "approvals-missing"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_changed_byte_of_the_evidence_lets_in_more_or_raises_anything_else(
    model: SignedModel, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(model.files)))
    before = model.files[name]
    content = bytearray(before)
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    model.files[name] = bytes(content)
    try:
        admission = model.admit()
    except EvidenceRefused:
        pass
    else:  # a hint or white space that nobody signed
        assert admission.decision is not None
        assert name == decision_file(model)
    finally:
        model.files[name] = before
