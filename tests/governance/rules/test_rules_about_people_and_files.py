from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from tests.governance.made_evidence import make_evidence, verdicts

from vouchml.governance.evidence import Approval, Signed
from vouchml.governance.finding import Verdict

EVIDENCE = make_evidence()


def approved_by(
    *people: str, role: str = "approver", meaning: Literal["authored", "reviewed", "approved", "rejected"] = "approved"
) -> tuple[Approval, ...]:
    return tuple(Approval(person, role, meaning) for person in people)


def approvals(given: tuple[Approval, ...], authors: frozenset[str] = frozenset(), **least: int) -> Verdict:
    evidence = replace(EVIDENCE, signed=Signed(approvals=given, authors=authors))
    found = set(verdicts("approvals", evidence, approvals=least).values())
    return Verdict.FAIL if Verdict.FAIL in found else found.pop()


def test_evidence_that_is_asked_for_and_missing_fails() -> None:
    asked = ("manifest", "provenance")
    assert verdicts("evidence", EVIDENCE, required_evidence=asked) == {
        "manifest": Verdict.PASS,
        "provenance": Verdict.FAIL,
    }
    signed = replace(EVIDENCE, signed=Signed(kinds=frozenset({"provenance"})))
    assert set(verdicts("evidence", signed, required_evidence=asked).values()) == {Verdict.PASS}


@pytest.mark.parametrize(
    ("least", "verdict"),
    [
        ({"minimum_rows": 401}, {"rows": Verdict.FAIL, "positives": Verdict.PASS, "negatives": Verdict.PASS}),
        ({"minimum_positives": 241}, {"rows": Verdict.PASS, "positives": Verdict.FAIL, "negatives": Verdict.PASS}),
        ({"minimum_negatives": 161}, {"rows": Verdict.PASS, "positives": Verdict.PASS, "negatives": Verdict.FAIL}),
        (
            {"minimum_rows": 400, "minimum_positives": 240, "minimum_negatives": 160},
            dict.fromkeys(("rows", "positives", "negatives"), Verdict.PASS),
        ),
    ],
)
def test_too_few_rows_fail(least: dict[str, int], verdict: dict[str, Verdict]) -> None:
    assert verdicts("sample", EVIDENCE, None, **least) == verdict


def test_a_card_field_must_hold_more_than_white_space() -> None:
    filled = replace(EVIDENCE, card={"intended_use": "Second reading.", "limits": "  \n"})
    assert verdicts("card", filled, card_fields=("intended_use", "limits", "owner")) == {
        "intended_use": Verdict.PASS,
        "limits": Verdict.FAIL,
        "owner": Verdict.FAIL,
    }


def test_two_approvals_are_two_people_and_not_one_twice() -> None:
    assert approvals(approved_by("ada@x", "grace@x"), approver=2) is Verdict.PASS
    assert approvals(approved_by("ada@x", "ada@x"), approver=2) is Verdict.FAIL


def test_an_author_alone_does_not_approve_whether_the_model_or_a_statement_says_that_it_is_theirs() -> None:
    assert approvals(approved_by("ada@x"), authors=frozenset({"ada@x"}), approver=1) is Verdict.FAIL
    wrote = approved_by("ada@x", role="trainer", meaning="authored")
    assert approvals(approved_by("ada@x") + wrote, approver=1) is Verdict.FAIL
    assert approvals(approved_by("ada@x", "grace@x") + wrote, approver=1) is Verdict.PASS


def test_another_role_or_a_review_is_no_approval() -> None:
    assert approvals(approved_by("ada@x", role="evaluator"), approver=1) is Verdict.FAIL
    assert approvals(approved_by("ada@x", meaning="reviewed"), approver=1) is Verdict.FAIL


def test_one_rejection_fails_whatever_else_was_signed() -> None:
    rejected = approved_by("alan@x", meaning="rejected")
    assert approvals(approved_by("ada@x", "grace@x") + rejected, approver=2) is Verdict.FAIL
    assert approvals(rejected) is Verdict.FAIL
