"""A decision is as good as the statements that the gate believed: one that counts no more ends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.governance.signed_model import NAME, SignedModel, make_signed_model

from vouchml.errors import DecisionMissing, GroundsRefused
from vouchml.governance.signed_evidence import (
    BREAK_GLASS,
    DECISION,
    EVALUATION_FILE,
    PROVENANCE_FILE,
    dated_files,
    dated_name,
)
from vouchml.trust.model_signature import SIGNATURE_FILE
from vouchml.trust.statement import PROVENANCE, TEST_RESULT, sign_statement, statement_about

Change = Callable[[SignedModel], object]


def evaluate(model: SignedModel, key: str = "evaluator", **changes: Any) -> None:
    said = {"name": NAME, "digest": model.digest, "type": TEST_RESULT, "result": "PASSED", **changes}
    statement = statement_about(said["digest"], said["name"], said["type"], {"result": said["result"]})
    signer = model.keys.signer("trainer" if key == "another-trainer" else "evaluator", key)[0]
    model.files[EVALUATION_FILE] = sign_statement(statement, [signer]).to_bytes()


def prove(model: SignedModel) -> None:
    statement = statement_about(model.digest, NAME, PROVENANCE, {"buildDefinition": {}})
    signer = model.keys.signer("trainer", "another-trainer")[0]
    model.files[PROVENANCE_FILE] = sign_statement(statement, [signer]).to_bytes()


def decide_on_all(model: SignedModel) -> None:
    for name, _ in list(dated_files(model.files, DECISION)):
        del model.files[name]
    model.decide(inputs=dict(model.files))


@pytest.fixture
def model(tmp_path: Path) -> SignedModel:
    """A model with a PASS that rests on its signature, a provenance, an evaluation and an approval, each by a key."""
    model = make_signed_model(tmp_path)
    model.keys.add("another-trainer", email="t@example.org", role="trainer")
    model.keys.add("evaluator", email="e@example.org", role="evaluator")
    prove(model)
    evaluate(model)
    model.approve("ada", before=1)
    decide_on_all(model)
    return model


def refused(model: SignedModel) -> str:
    with pytest.raises(GroundsRefused) as error:
        model.admit(later=1)
    assert error.value.code == "grounds-refused"
    return error.value.message


@pytest.mark.parametrize(
    ("key", "file"), [("another-trainer", PROVENANCE_FILE), ("evaluator", EVALUATION_FILE), ("ada", "approval-")]
)
def test_a_decision_ends_with_each_key_that_signed_what_it_rests_on(model: SignedModel, key: str, file: str) -> None:
    admission = model.admit(later=1)
    assert admission.decision is not None
    assert {SIGNATURE_FILE, PROVENANCE_FILE, EVALUATION_FILE} < admission.decision.inputs.keys()
    model.keys.revoke(key, reason="left on a train")
    message = refused(model)
    assert message.startswith(f"The gate decided on {file}")
    assert message.endswith(": left on a train")


@pytest.mark.parametrize("key", ["another-trainer", "evaluator", "ada"])
def test_a_key_that_has_run_out_ends_no_decision_on_what_it_signed(model: SignedModel, key: str) -> None:
    model.keys.rotate(key)
    model.admit(later=3600)


def test_a_key_taken_out_of_the_trust_store_ends_the_decision_too(model: SignedModel) -> None:
    path = model.root / "trust.toml"
    keys = path.read_text().split("[[key]]")
    path.write_text("[[key]]".join(part for part in keys if '"evaluator"' not in part or "development" in part))
    assert "is not in the trust store" in refused(model)


def test_new_evidence_by_another_key_and_a_new_decision_let_it_in_again(model: SignedModel) -> None:
    model.keys.revoke("evaluator", reason="stolen")
    evaluate(model, "development-evaluator")
    with pytest.raises(DecisionMissing):  # the decision names the other bytes
        model.admit(later=1)
    decide_on_all(model)
    model.admit(later=1)


WRONG: dict[str, tuple[Change, str]] = {
    "signed by another role": (lambda model: evaluate(model, "another-trainer"), "has the role trainer"),
    "about another digest": (lambda model: evaluate(model, digest="b" * 64), "is not about the model"),
    "about another registered model": (lambda model: evaluate(model, name="another"), "the registered model"),
    "a statement of another kind": (lambda model: evaluate(model, type=PROVENANCE), "of another kind"),
    "an evaluation that failed": (lambda model: evaluate(model, result="FAILED"), "says that tests failed"),
    "no envelope": (lambda model: model.files.update({EVALUATION_FILE: b"{}"}), "has no payloadType"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_decision_does_not_lift_what_would_not_count_by_itself(model: SignedModel, what: str) -> None:
    change, problem = WRONG[what]
    change(model)
    decide_on_all(model)
    assert problem in refused(model)


def test_a_decision_that_names_evidence_which_no_gate_decides_on_is_none(model: SignedModel) -> None:
    name = dated_name(BREAK_GLASS, model.at, "a" * 64)
    model.files[name] = b"{}"
    decide_on_all(model)
    assert "No gate decides on evidence of that name." in refused(model)


def test_a_trainers_key_that_is_revoked_is_named_as_that_of_the_model(model: SignedModel) -> None:
    model.keys.revoke("development-trainer", reason="stolen")
    with pytest.raises(Exception, match="development-trainer was revoked") as error:
        model.admit(later=1)
    assert getattr(error.value, "code", "") == "key-revoked"
