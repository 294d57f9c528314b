from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss
from tests.governance.made_evidence import champion_like, findings, make_evidence, verdicts

from vouchml.governance.evidence import Evidence
from vouchml.governance.finding import Verdict
from vouchml.governance.rules.margins import COMPARISONS
from vouchml.settings import Margin

ALL = {"roc_auc": 0.02, "log_loss": 0.05, "brier": 0.02, "accuracy": 0.05}
EVIDENCE = make_evidence()


def with_flipped(evidence: Evidence, rows: int) -> Evidence:
    """The same, with the first `rows` positive rows put on the other side of the threshold."""
    p = evidence.probabilities.copy()
    wrong = np.flatnonzero(evidence.is_positive & evidence.is_right)[:rows]
    p[wrong] = 0.4999
    return replace(evidence, probabilities=p)


def test_every_margin_that_the_policy_may_name_has_a_comparison() -> None:
    assert set(COMPARISONS) == set(get_args(Margin))


def test_the_same_answers_pass_every_margin() -> None:
    found = findings("margins", EVIDENCE, champion_like(EVIDENCE), margins=ALL)
    assert {finding.verdict for finding in found.values()} == {Verdict.PASS}
    assert all(finding.value == pytest.approx(0.0, abs=1e-15) for finding in found.values())
    assert found["roc_auc"].low == found["roc_auc"].high == 0.0


def test_a_champion_that_is_clearly_better_fails_the_version() -> None:
    worse = make_evidence(1000, separation=1.0)
    champion = champion_like(worse, probabilities=make_evidence(1000, separation=3.0, seed=1).probabilities)
    assert set(verdicts("margins", worse, champion, margins=ALL).values()) == {Verdict.FAIL}


def test_a_version_that_is_clearly_better_passes_also_without_a_margin() -> None:
    better = make_evidence(1000, separation=3.0)
    champion = champion_like(better, probabilities=make_evidence(1000, separation=1.0, seed=1).probabilities)
    assert set(verdicts("margins", better, champion, margins=dict.fromkeys(ALL, 0.0)).values()) == {Verdict.PASS}


def test_few_rows_leave_independent_scorers_undecided_and_say_how_many_would_do() -> None:
    small = make_evidence(40)
    champion = champion_like(small, probabilities=make_evidence(40, seed=1).probabilities)
    found = findings("margins", small, champion, margins=dict.fromkeys(ALL, 0.001))
    assert {finding.verdict for finding in found.values()} == {Verdict.INCONCLUSIVE}
    assert all(finding.rows_needed is None or finding.rows_needed > 40 for finding in found.values())
    assert any(finding.rows_needed for finding in found.values())


def test_the_advantage_in_loss_is_the_difference_of_scikit_learns() -> None:
    champion = champion_like(EVIDENCE, sharper=0.4)
    found = findings("margins", EVIDENCE, champion, margins=ALL)
    for name, loss in (("log_loss", log_loss), ("brier", brier_score_loss)):
        advantage = loss(EVIDENCE.is_positive, champion.probabilities) - loss(
            EVIDENCE.is_positive, EVIDENCE.probabilities
        )
        assert found[name].value == pytest.approx(advantage, rel=1e-9)
        assert found[name].bound == -ALL[name]


def test_labels_that_are_worse_beyond_chance_are_left_to_a_person_though_within_the_margin() -> None:
    champion = champion_like(EVIDENCE)
    slightly, clearly = with_flipped(EVIDENCE, 4), with_flipped(EVIDENCE, 9)
    assert verdicts("margins", slightly, champion, margins={"accuracy": 0.1}) == {"accuracy": Verdict.PASS}
    found = findings("margins", clearly, champion, margins={"accuracy": 0.1})["accuracy"]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.p_value == pytest.approx(0.5**9)
    assert "9 spoilt" in found.found
    assert verdicts("margins", with_flipped(EVIDENCE, 80), champion, margins={"accuracy": 0.1}) == {
        "accuracy": Verdict.FAIL
    }


def test_without_a_champion_no_margin_applies() -> None:
    assert set(verdicts("margins", EVIDENCE, None, margins=ALL).values()) == {Verdict.NOT_APPLICABLE}


def test_a_champion_that_cannot_be_compared_leaves_it_to_a_person() -> None:
    champion = champion_like(EVIDENCE, problem="version 1 predicts something else")
    found = findings("margins", EVIDENCE, champion, margins=ALL)
    assert {finding.verdict for finding in found.values()} == {Verdict.INCONCLUSIVE}
    assert {finding.found for finding in found.values()} == {"version 1 predicts something else"}


def test_rows_of_one_class_are_no_comparison() -> None:
    rows = EVIDENCE.is_positive.copy()
    champion = champion_like(EVIDENCE, rows=rows, probabilities=EVIDENCE.probabilities[rows])
    assert set(verdicts("margins", EVIDENCE, champion, margins=ALL).values()) == {Verdict.INCONCLUSIVE}


def test_only_the_rows_that_the_champion_has_not_seen_count() -> None:
    unseen = np.arange(400) % 2 == 0
    p = EVIDENCE.probabilities[unseen]
    found = findings("margins", EVIDENCE, champion_like(EVIDENCE, rows=unseen, probabilities=p), margins=ALL)
    assert {finding.rows for finding in found.values()} == {200}
    assert {finding.value for finding in found.values()} == {0.0}


def test_two_perfect_rankings_that_differ_prove_little() -> None:
    is_positive = EVIDENCE.is_positive
    one = np.where(is_positive, 0.9, 0.2)
    other = one + np.linspace(-0.05, 0.05, 400)
    perfect = replace(EVIDENCE, probabilities=one)
    found = findings("margins", perfect, champion_like(EVIDENCE, probabilities=other), margins={"roc_auc": 0.001})
    assert found["roc_auc"].verdict is Verdict.INCONCLUSIVE
    assert found["roc_auc"].low is not None
    assert found["roc_auc"].low < -0.001
