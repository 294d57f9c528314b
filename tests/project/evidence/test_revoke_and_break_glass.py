"""`vouch revoke` and `vouch break-glass`: what beats every decision, and what stands in for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.project.evidence.judged_project import JudgedProject

from vouchml.errors import (
    BreakGlassInvalid,
    EvidenceRefused,
    ModelRevoked,
    SeparationBroken,
    SettingsInvalid,
    SignatureMissing,
    VersionNotFound,
)
from vouchml.governance.signed_evidence import moment_text
from vouchml.ledger.governance_events import Said, said_record
from vouchml.project.admissibility import admission_of
from vouchml.project.open_ledger import write
from vouchml.project.private_copy import private_copy
from vouchml.project.revocation import revoke
from vouchml.trust.model_signature import SIGNATURE_FILE


def test_a_revoked_version_is_in_the_trust_store_and_in_the_ledger_and_never_promoted(judged: JudgedProject) -> None:
    digest = judged.sign(1).digest
    revoked = revoke(judged.settings, "1", reason="wrong labels", who="Ada")
    assert (revoked.model.digest, revoked.version) == (digest, 1)
    event = judged.events()[-1]
    assert (event["type"], event["model"], event["reason"]) == ("revocation", digest, "wrong labels")
    assert (event["by"], event["version"], event["statement"]) == (["Ada"], "1", None)
    with pytest.raises(ModelRevoked):
        judged.promote(1)


def test_a_digest_is_revoked_without_mlflow(judged: JudgedProject) -> None:
    (judged.settings.root / "mlflow.db").unlink()
    assert revoke(judged.settings, "ab" * 32, reason="seen elsewhere", who="Ada").version is None
    assert judged.ring.store().revoked_model[0].digest == "ab" * 32


def test_a_version_that_is_not_there_cannot_be_revoked(judged: JudgedProject) -> None:
    with pytest.raises(VersionNotFound):
        revoke(judged.settings, "9", reason="wrong", who="Ada")


@pytest.fixture
def two(judged: JudgedProject) -> JudgedProject:
    """Grace and Alan approve, and must be two people."""
    judged.ring.add("grace", role="approver", email="grace@example.org")
    judged.ring.add("grace-too", role="approver", email="Grace@example.org")
    judged.ring.add("alan", role="approver", email="alan@example.org")
    judged.trust(separation="people")
    return judged


def test_two_people_let_a_version_serve_without_the_gate_for_some_hours(two: JudgedProject) -> None:
    with pytest.raises(EvidenceRefused):
        two.promote(2)
    two.break_glass(2, "grace", "alan", hours=2)
    with private_copy(two.registry, two.version(2)) as copy:
        admission = admission_of(two.settings, copy)
    assert admission.is_break_glass
    assert abs(admission.valid_until - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=2)
    event = two.events()[-1]
    assert (event["type"], event["by"], event["reason"]) == ("break_glass", ["grace", "alan"], "the other one is wrong")
    two.promote(2)
    assert two.pointed == 2
    assert two.told[0].startswith("WARNING: no gate stands behind version 2; two people let it in until ")


def test_one_person_with_two_keys_is_not_two(two: JudgedProject) -> None:
    with pytest.raises(SeparationBroken):
        two.break_glass(2, "grace", "grace-too")


@pytest.mark.parametrize("hours", [0.0, 4.01, -1.0])
def test_it_lasts_four_hours_at_most(two: JudgedProject, hours: float) -> None:
    with pytest.raises(SettingsInvalid, match="4 hours at most"):
        two.break_glass(2, "grace", "alan", hours=hours)


def test_all_of_one_version_last_twelve_hours_also_if_the_earlier_ones_were_taken_away(two: JudgedProject) -> None:
    digest = two.sign(2).digest
    for days_ago in (3, 2, 1):  # only the ledger still tells of them
        began = datetime.now(UTC) - timedelta(days=days_ago)
        until = moment_text(began + timedelta(hours=4))
        said = Said("break_glass", two.name, digest, 2, "e" * 64, ("grace", "alan"), {"reason": "x", "until": until})
        write(two.settings, said_record(said, time=began))
    with pytest.raises(BreakGlassInvalid, match="12 hours at most altogether, and this one would make it 13") as told:
        two.break_glass(2, "grace", "alan", hours=1)
    assert told.value.remedy.startswith("Have the gate decide (vouch gate VERSION)")
    two.break_glass(1, "grace", "alan", hours=1)


def test_it_does_not_stand_in_for_the_signature_of_the_model_or_for_a_revocation(two: JudgedProject) -> None:
    revoke(two.settings, "1", reason="wrong labels", who="Ada")
    with pytest.raises(ModelRevoked):
        two.break_glass(1, "grace", "alan")
    two.take_away(2, SIGNATURE_FILE)
    with pytest.raises(SignatureMissing):
        two.break_glass(2, "grace", "alan")
