"""From an answer to the decision behind it: a signature is no approval, the verdict is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.project.evidence.judged_project import JudgedProject

from vouchml.ledger.trace_link import TraceLink
from vouchml.project.deciding import Decided
from vouchml.project.private_copy import private_copy
from vouchml.project.traced_decision import decision_link


def traced(judged: JudgedProject, decided: Decided, *, later: timedelta = timedelta(0), **changed: Any) -> TraceLink:
    """The link to the decision of a prediction by version 1, made now or so much later."""
    assert decided.statement is not None
    with private_copy(judged.registry, judged.version(1)) as copy:
        served = {"model": copy.digest, "contract": copy.contract_sha256, "decision": decided.statement.sha256}
    leaf = {"served": served | changed, "time": f"{datetime.now(UTC) + later:%Y-%m-%dT%H:%M:%S.%fZ}"}
    return decision_link(judged.settings, judged.registry, judged.version(1), leaf)


def test_a_pass_is_verified_while_it_is_valid_and_about_this_contract(judged: JudgedProject) -> None:
    decided = judged.decide(1)
    found = traced(judged, decided)
    assert (found.status, found.reason.split(",")[0]) == ("verified", "PASS")
    assert traced(judged, decided, later=timedelta(days=4000)).status == "failed"
    assert traced(judged, decided, contract="0" * 64).status == "failed"
    assert traced(judged, decided, decision="0" * 64).status == "not checked"


def test_a_fail_is_no_verified_link_however_well_it_is_signed(judged: JudgedProject) -> None:
    judged.ask(minimum_rows=100_000)
    found = traced(judged, judged.decide(1))
    assert (found.status, found.facts["verdict"]) == ("failed", "FAIL")
    assert found.reason.startswith("FAIL, ")


def test_an_inconclusive_one_is_verified_once_a_person_has_accepted_it(judged: JudgedProject) -> None:
    judged.ask(bounds={"accuracy_lower": 0.97})
    decided = judged.decide(1)
    assert decided.outcome.verdict == "INCONCLUSIVE"
    before = traced(judged, decided)
    assert (before.status, before.reason.split(",")[0]) == ("not checked", "INCONCLUSIVE")
    judged.approve(1, "development-approver", "inconclusive accepted")
    after = traced(judged, decided)
    assert after.status == "verified"
    assert after.reason.endswith("valid then, and accepted by development-approver.")
    assert traced(judged, decided, later=-timedelta(hours=1)).status == "failed"
