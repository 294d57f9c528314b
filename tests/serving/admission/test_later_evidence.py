"""What somebody signs about a version that serves: it shows at the next look, and takes nothing down by itself."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from vouchml.errors import NoModelLoaded
from vouchml.governance.approvals import sign_approval
from vouchml.governance.decision import sign_decision
from vouchml.governance.policy import policy_digest
from vouchml.governance.signed_evidence import APPROVAL, DECISION, dated_name, moment_text
from vouchml.ledger.open import open_ledger
from vouchml.ledger.record import RecordType
from vouchml.model.contract import contract_sha256
from vouchml.serving.following.follower import Follower
from vouchml.settings import LedgerSettings, TrustSettings

if TYPE_CHECKING:
    from tests.serving.admission.conftest import Vouched
    from tests.serving.conftest import Following

Follow = Callable[..., "Following"]
FAILED = "Version 1 would not be let in again: The gate's decision on the model is FAIL."


def at(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def serve_one(vouched: Vouched, follow: Follow) -> Following:
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    following.poll()
    assert following.reasons() == ()
    return following


def decide_again(vouched: Vouched, outcome: str) -> str:
    """A decision that is newer than that of the fixture, also within its second."""
    return vouched.decide(1, outcome, at=at(1))


def test_a_newer_fail_degrades_health_and_takes_nothing_down(vouched: Vouched, follow: Follow) -> None:
    following = serve_one(vouched, follow)
    decide_again(vouched, "FAIL")
    for _ in range(3):
        following.poll()
        assert following.reasons() == (FAILED,)
        assert following.serving_model().version == "1"


def test_it_refuses_the_next_load_also_when_it_was_deleted_in_mlflow(vouched: Vouched, follow: Follow) -> None:
    following = serve_one(vouched, follow)
    name = decide_again(vouched, "FAIL")
    following.poll()
    (vouched.evidence_folder(1) / name).unlink()
    following.poll()
    assert following.reasons() == (FAILED,)
    cold = Follower(vouched.settings)
    cold.refresh()
    with pytest.raises(NoModelLoaded, match="is FAIL"):
        cold.serving_model()


def test_a_pass_after_it_makes_all_well_again_and_is_the_decision_that_answers_name(
    vouched: Vouched, follow: Follow
) -> None:
    following = serve_one(vouched, follow)
    first = following.serving_model().subject.decision
    decide_again(vouched, "FAIL")
    following.poll()
    vouched.decide(1, "PASS", at=at(-1))  # an older one changes nothing
    following.poll()
    assert following.reasons() == (FAILED,)
    newest = vouched.decide(1, "PASS", at=at(2))
    assert newest in vouched.evidence(1)
    time.sleep(2.1)  # until it is valid
    vouched.put(1, dated_name(APPROVAL, at(0), "a" * 64), b"{}")  # so that there is something new to look at
    following.poll()
    following.poll()
    assert following.reasons() == ()
    assert following.serving_model().subject.decision != first


def test_a_rejection_by_a_person_shows_too(vouched: Vouched, follow: Follow) -> None:
    following = serve_one(vouched, follow)
    key, trusted = vouched.keys.signer("approver", "ada")
    envelope = sign_approval(
        vouched.project.name,
        vouched.digest(1),
        "rejected",
        "it was trained on the wrong rows",
        key=key,
        trusted=trusted,
        seen={},
        at=at(0),
    )
    vouched.put(1, dated_name(APPROVAL, at(0), key.public.key_id), envelope.to_bytes())
    following.poll()
    (told,) = following.reasons()
    assert told.endswith("ada rejected the model: it was trained on the wrong rows.")
    assert following.serving_model().version == "1"


def test_what_nobody_signed_changes_nothing(vouched: Vouched, follow: Follow) -> None:
    following = serve_one(vouched, follow)
    folder = vouched.evidence_folder(1)
    kept = vouched.settings.root / "kept"
    shutil.copytree(folder, kept)
    vouched.decide(1, "FAIL", at=at(1), digest=vouched.digest(2))  # about another version
    (folder / dated_name(DECISION, at(5), "a" * 64)).write_bytes(b"{}")
    (folder / "model.sig").write_bytes(b"{}")
    following.poll()
    assert following.reasons() == ()
    shutil.rmtree(folder)
    following.poll()
    assert following.reasons() == ()
    cold = Follower(vouched.settings)
    cold.refresh()
    assert cold.serving_model().version == "1"
    shutil.copytree(kept, folder)


def test_a_revocation_takes_down_although_health_was_degraded_already(vouched: Vouched, follow: Follow) -> None:
    following = serve_one(vouched, follow)
    decide_again(vouched, "FAIL")
    following.poll()
    vouched.keys.add("eve", email="eve@example.org", role="approver")  # another change of trust is none
    following.poll()
    assert following.serving_model().version == "1"
    assert following.reasons() == (FAILED,)
    vouched.keys.revoke("development-trainer", reason="left on a train")
    following.refresh()
    with pytest.raises(NoModelLoaded, match="left on a train"):
        following.serving_model()


def test_a_fail_by_a_key_that_is_revoked_speaks_against_nothing(vouched: Vouched, follow: Follow) -> None:
    vouched.keys.add("gate-too", email="gate@example.org", role="gate")
    following = serve_one(vouched, follow)
    key = vouched.keys.signer("gate", "gate-too")[0]
    rules = {
        "outcome": "FAIL",
        "at": moment_text(at(1)),
        "valid_until": moment_text(at(9999)),
        "policy_digest": policy_digest(vouched.settings.policy),
    }
    envelope = sign_decision(
        rules,
        model=vouched.project.name,
        digest=vouched.digest(1),
        contract=contract_sha256(vouched.files(1)),
        inputs={},
        key=key,
    )
    name = dated_name(DECISION, datetime.fromisoformat(rules["at"]), key.public.key_id)
    vouched.put(1, name, envelope.to_bytes())
    following.poll()
    assert following.reasons() == (FAILED,)
    vouched.keys.revoke("gate-too", reason="stolen")
    following.poll()
    assert following.reasons() == ()
    assert following.serving_model().version == "1"


def test_it_is_recorded_once_and_told_again_by_another_watcher(vouched: Vouched, follow: Follow) -> None:
    ledger = LedgerSettings(url="sqlite:///later.db")
    vouched = type(vouched)(type(vouched.project)(vouched.settings.model_copy(update={"ledger": ledger})))
    following = serve_one(vouched, follow)
    decide_again(vouched, "FAIL")
    for _ in range(3):
        following.poll()
    again = follow(vouched.settings)
    again.poll()
    assert FAILED in again.reasons()
    following.refresh()
    assert following.serving_model().version == "1"
    store = open_ledger(vouched.settings)
    try:
        leaves = [entry.leaf for entry in store.events(RecordType.ADMISSION_REFUSED)]
    finally:
        store.close()
    assert len([leaf for leaf in leaves if FAILED.encode() in leaf]) == 1


def test_where_admission_only_warns_it_is_a_warning(vouched: Vouched, follow: Follow) -> None:
    settings = vouched.settings.model_copy(update={"trust": TrustSettings(admission="warn")})
    following = serve_one(type(vouched)(type(vouched.project)(settings)), follow)
    decide_again(vouched, "FAIL")
    following.poll()
    following.poll()
    assert following.reasons() == ()
    assert any("is FAIL" in warning for warning in following.status.warnings)
