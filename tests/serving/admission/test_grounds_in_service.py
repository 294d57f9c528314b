"""A service stops what the gate would not let in today: a key behind the evidence that it decided on is revoked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from vouchml.errors import NoModelLoaded
from vouchml.governance.signed_evidence import EVALUATION_FILE
from vouchml.trust.statement import TEST_RESULT, sign_statement, statement_about

if TYPE_CHECKING:
    from tests.serving.admission.conftest import Vouched
    from tests.serving.conftest import Following

Follow = Callable[..., "Following"]


def decide_on_an_evaluation(vouched: Vouched, *, at: datetime | None = None) -> None:
    key, _ = vouched.keys.signer("evaluator")
    statement = statement_about(vouched.digest(1), vouched.project.name, TEST_RESULT, {"result": "PASSED"})
    for path in vouched.evidence_folder(1).glob("decision-*"):
        path.unlink()
    vouched.put(1, EVALUATION_FILE, sign_statement(statement, [key]).to_bytes())
    vouched.decide(1, inputs=vouched.evidence(1), at=at)


def test_a_revoked_evaluators_key_takes_down_what_the_gate_let_in_by_it(vouched: Vouched, follow: Follow) -> None:
    decide_on_an_evaluation(vouched)
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    assert following.serving_model().version == "1"
    vouched.keys.revoke("development-evaluator", reason="left on a train")
    following.refresh()
    with pytest.raises(NoModelLoaded, match=r"evaluation\.dsse\.json, which does not count any more"):
        following.serving_model()
    following.poll()
    cold = follow(vouched.settings)
    cold.poll()
    for each in (following, cold):
        with pytest.raises(NoModelLoaded, match="left on a train"):
            each.serving_model()


def test_it_does_also_when_the_gates_key_has_run_out(vouched: Vouched, follow: Follow) -> None:
    decide_on_an_evaluation(vouched)
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    vouched.keys.rotate("development-gate")
    following.poll()
    assert following.serving_model().version == "1"
    vouched.keys.revoke("development-evaluator", reason="left on a train")
    following.refresh()
    with pytest.raises(NoModelLoaded):
        following.serving_model()


def test_a_revoked_evaluators_key_keeps_a_new_version_out(vouched: Vouched, follow: Follow) -> None:
    decide_on_an_evaluation(vouched, at=datetime.now(UTC) - timedelta(seconds=5))
    vouched.keys.revoke("development-evaluator", reason="left on a train")
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    with pytest.raises(NoModelLoaded, match="does not count any more"):
        following.serving_model()
