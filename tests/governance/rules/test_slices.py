from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score
from tests.governance.made_evidence import findings, make_evidence

from vouchml.governance.evidence import Evidence
from vouchml.governance.finding import Finding, Verdict
from vouchml.governance.rules.slices import slices_of
from vouchml.governance.statistics.holm import holm

GENERATOR = np.random.default_rng(8)
AGE = GENERATOR.normal(50, 10, 400)
SITE = np.array(["north", "south", "west"], dtype=object)[GENERATOR.integers(3, size=400)]


def wrong_on(rows: NDArray[np.bool_], share: float = 1.0) -> Evidence:
    """Right on every row but a share of `rows`."""
    evidence = make_evidence()
    chosen = rows & (np.random.default_rng(1).random(400) < share)
    return replace(evidence, probabilities=np.where(evidence.is_positive ^ chosen, 0.9, 0.1))


def judged(evidence: Evidence, **policy: Any) -> dict[str, Finding]:
    columns = {"age": AGE, "site": SITE}
    return findings("slices", replace(evidence, slices=columns), slices=("age", "site"), **policy)


def test_the_slices_and_their_accuracies_are_those_of_fairlearn() -> None:
    evidence = make_evidence(separation=1.0)
    labels = evidence.probabilities >= 0.5
    for values, names in (
        (AGE, pd.qcut(AGE, 4, labels=False)),
        (SITE, SITE),
        ((AGE > 50).astype(np.float64), AGE > 50),
    ):
        frame = MetricFrame(
            metrics=accuracy_score, y_true=evidence.is_positive, y_pred=labels, sensitive_features=names
        )
        found = slices_of("column", values, evidence.is_right, bins=4)
        assert [each.accuracy for each in found] == pytest.approx(frame.by_group.tolist())


def test_missing_values_are_a_slice_and_equal_values_stay_together() -> None:
    values = np.r_[np.full(300, 1.0), np.full(50, np.nan), np.arange(50) + 2.0]
    found = slices_of("column", values, np.ones(400, dtype=np.bool_), bins=4)
    assert [each.rows for each in found if each.name == "missing"] == [50]
    assert sum(each.rows for each in found) == 400
    assert max(each.rows for each in found) >= 300


def test_errors_in_one_slice_fail_its_column_and_name_it() -> None:
    found = judged(wrong_on(SITE == "south", 0.5))
    assert found["site"].verdict is Verdict.FAIL
    assert "in south" in found["site"].found
    assert found["age"].verdict is not Verdict.FAIL


def test_the_p_value_is_the_exact_binomial_one_corrected_by_holm_over_all_columns() -> None:
    evidence = wrong_on(SITE == "south", 0.3)
    found = judged(evidence)
    floor = evidence.is_right.mean() - 0.1
    all_slices = [
        *slices_of("age", AGE, evidence.is_right, bins=4),
        *slices_of("site", SITE, evidence.is_right, bins=4),
    ]
    adjusted = holm([binomtest(each.right, each.rows, floor, alternative="less").pvalue for each in all_slices])
    by_name = dict(zip([each.name for each in all_slices], adjusted, strict=True))
    assert found["site"].p_value == pytest.approx(by_name["south"], rel=1e-9)
    assert found["site"].bound == pytest.approx(floor)


def test_a_slice_below_the_floor_by_chance_perhaps_is_left_to_a_person() -> None:
    small = np.zeros(400, dtype=np.bool_)
    small[:20] = True
    evidence = replace(wrong_on(small, 0.25), slices={"few": small.astype(np.float64)})
    found = findings("slices", evidence, slices=("few",), slice_margin=0.1)["few"]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.rows_needed is not None
    assert found.rows_needed > 20


def test_slices_that_are_too_small_are_counted_and_not_judged() -> None:
    found = judged(wrong_on(SITE == "south"), slice_minimum_rows=120)
    assert "not judged" in found["site"].found or found["site"].verdict is Verdict.INCONCLUSIVE
    nothing = judged(wrong_on(SITE == "south"), slice_minimum_rows=399)
    assert {finding.verdict for finding in nothing.values()} == {Verdict.INCONCLUSIVE}


def test_a_column_whose_values_are_not_there_fails() -> None:
    found = findings("slices", replace(make_evidence(), slices={"site": SITE}), slices=("site", "age"))
    assert found["age"].verdict is Verdict.FAIL
    assert found["site"].verdict is Verdict.PASS


def test_equal_slices_pass() -> None:
    everywhere = np.ones(400, dtype=np.bool_)
    found = judged(wrong_on(everywhere, 0.1), slice_margin=0.15)
    assert {finding.verdict for finding in found.values()} == {Verdict.PASS}
