"""The gate compares with the champion that was signed, and with nothing that somebody put in its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.project.evidence.judged_project import JudgedProject

from vouchml.governance.outcome import Outcome
from vouchml.governance.signed_evidence import PROVENANCE_FILE
from vouchml.trust.model_signature import SIGNATURE_FILE


def with_champion(judged: JudgedProject, number: int) -> None:
    """Point at a version as anybody can who may write to MLflow."""
    judged.registry.promote(judged.name, str(number), stage="Staging", who="x", why="y")


def margins(outcome: Outcome) -> set[str]:
    return {finding.verdict.value for finding in outcome.findings if finding.rule.startswith("margins.")}


def test_a_champion_that_is_signed_and_gated_is_compared_and_the_decision_names_its_digest(
    judged: JudgedProject,
) -> None:
    with_champion(judged, 1)
    outcome = judged.decide(2, sign=False).outcome
    assert (outcome.champion, outcome.champion_digest) == (1, judged.sign(1).digest)
    assert all(each.low is not None for each in outcome.findings if each.rule.startswith("margins."))
    assert "FAIL" in margins(outcome)
    assert outcome.warnings == ()


def take_its_signature(judged: JudgedProject) -> None:
    judged.take_away(2, SIGNATURE_FILE)


def give_it_the_signature_of_another(judged: JudgedProject) -> None:
    judged.put(2, SIGNATURE_FILE, judged.evidence(1)[SIGNATURE_FILE])


def change_a_file(judged: JudgedProject) -> None:
    judged.change_a_file(2)


def revoke_its_key(judged: JudgedProject) -> None:
    judged.ring.revoke("development-trainer", reason="stolen")


def change_its_manifest(judged: JudgedProject) -> None:
    manifest = judged.run_file(2, "run_manifest.json")
    manifest.write_bytes(manifest.read_bytes().replace(b'"created":"20', b'"created":"19'))


Attack = Callable[[JudgedProject], None]
ATTACKS: dict[str, tuple[Attack, str]] = {
    "signature taken away": (take_its_signature, "The model is not signed."),
    "signature of another version": (give_it_the_signature_of_another, "cannot be compared"),
    "file changed": (change_a_file, "affine.json"),
    "key revoked": (revoke_its_key, "was revoked"),
    "manifest changed": (change_its_manifest, "is not the one that its trainer signed"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_champion_that_is_not_what_was_signed_leaves_every_margin_to_a_person(
    judged: JudgedProject, attack: str
) -> None:
    how, told = ATTACKS[attack]
    with_champion(judged, 2)
    how(judged)
    outcome = judged.decide(1, sign=False).outcome
    assert margins(outcome) == {"INCONCLUSIVE"}
    assert outcome.champion_digest is None
    assert all(told in finding.found for finding in outcome.deciding if finding.rule.startswith("margins."))


def test_it_says_how_to_mend_a_champion_that_was_promoted_before_anybody_signed(unsigned: JudgedProject) -> None:
    with_champion(unsigned, 2)
    unsigned.ring.add_development_keys()
    unsigned.sign(1)
    outcome = unsigned.decide(1, sign=False).outcome
    assert outcome.verdict == "INCONCLUSIVE"
    assert "have them signed: vouch sign 2" in outcome.warnings[0]
    unsigned.sign(2)
    mended = unsigned.decide(1, sign=False).outcome
    assert (mended.verdict, mended.champion) == ("PASS", 2)
    assert mended.warnings == ("No decision of a gate counts for version 2, with which this one is compared.",)


def test_a_champion_by_break_glass_is_compared_and_it_is_told_that_no_gate_stands_behind_it(
    judged: JudgedProject,
) -> None:
    judged.ring.add("grace", role="approver", email="grace@example.org")
    judged.break_glass(2, "grace", "development-approver")
    judged.promote(2)
    outcome = judged.decide(1, sign=False).outcome
    assert (outcome.verdict, outcome.champion) == ("PASS", 2)
    assert outcome.warnings == ("No decision of a gate counts for version 2, with which this one is compared.",)


def test_a_champion_without_provenance_is_doubted_and_not_compared_where_the_policy_asks_for_it(
    judged: JudgedProject,
) -> None:
    judged.ask(required_evidence=("manifest",))
    with_champion(judged, 2)
    judged.take_away(2, PROVENANCE_FILE)
    outcome = judged.decide(1, sign=False).outcome
    assert outcome.verdict == "PASS"
    assert "Nobody signed which rows version 2 was trained on." in outcome.warnings
    judged.ask(required_evidence=("manifest", "provenance"))
    assert margins(judged.decide(1, sign=False).outcome) == {"INCONCLUSIVE"}
