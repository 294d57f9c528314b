from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.model.small_bundle import small_bundle, small_contract

from vouchml.errors import BundleInvalid
from vouchml.model import Bundle, GoldenRows, Scorer, check_golden_rows, load_scorer
from vouchml.model.golden import GOLDEN_FILE, NONE_STORED, choose_golden_rows
from vouchml.model.scorers.affine import AFFINE_FILE, AffineModel, AffineScorer

Matrix = NDArray[np.float64]

MODEL = AffineModel(coefficients=(0.5, -1.25, 2.0), intercept=0.125, baseline=(0.0, 0.0, 0.0))
ROWS: Matrix = np.random.default_rng(0).normal(size=(200, 3))
PROBABILITIES: Matrix = AffineScorer.of(MODEL).positive_probability(ROWS)

Make = Callable[[GoldenRows | bytes | None], Bundle]


@pytest.fixture
def bundle_with(tmp_path: Path) -> Make:
    """The files of a version of `MODEL` with these golden rows."""

    def make(golden: GoldenRows | bytes | None) -> Bundle:
        files = {AFFINE_FILE: MODEL.to_bytes()}
        if golden is not None:
            files[GOLDEN_FILE] = golden if isinstance(golden, bytes) else golden.to_bytes()
        return small_bundle(tmp_path, small_contract(3), files)

    return make


def golden_rows(count: int = 32, off: float = 0.0) -> GoldenRows:
    return choose_golden_rows(ROWS, PROBABILITIES + off, count=count)


def test_the_rows_spread_evenly_over_the_sorted_scores() -> None:
    golden = golden_rows(5)
    ranks = np.searchsorted(np.sort(PROBABILITIES), golden.probabilities)
    assert ranks.tolist() == [0, 50, 100, 149, 199]
    for row, probability in zip(golden.rows, golden.probabilities, strict=True):
        (place,) = np.flatnonzero(probability == PROBABILITIES)
        assert tuple(ROWS[place]) == row


@pytest.mark.parametrize(("count", "kept"), [(0, 0), (1, 1), (2, 2), (32, 32), (200, 200), (1000, 200)])
def test_there_are_as_many_as_were_asked_for_where_the_table_has_them(count: int, kept: int) -> None:
    golden = golden_rows(count)
    assert len(golden.rows) == len(set(golden.rows)) == kept


def test_equal_scores_give_the_same_rows_every_time() -> None:
    same = np.full(len(ROWS), 0.5)
    chosen = choose_golden_rows(ROWS, same, count=3).rows
    assert chosen == (tuple(ROWS[0]), tuple(ROWS[100]), tuple(ROWS[199]))


def test_they_are_written_canonically_and_read_back_to_the_last_digit() -> None:
    golden = golden_rows()
    content = golden.to_bytes()
    assert content.startswith(b'{"format":"vouchml-golden-v1","probabilities":[')
    assert GoldenRows.model_validate_json(content) == golden


def test_a_scorer_that_answers_as_at_training_passes(bundle_with: Make) -> None:
    bundle = bundle_with(golden_rows())
    check = check_golden_rows(bundle, load_scorer(bundle))
    assert (check.rows, check.max_abs_difference, check.note) == (32, 0.0, "")


def test_a_billionth_is_allowed_and_no_more(bundle_with: Make) -> None:
    bundle = bundle_with(golden_rows(off=0.9e-9))
    assert check_golden_rows(bundle, load_scorer(bundle)).max_abs_difference == pytest.approx(0.9e-9, rel=1e-3)
    bundle = bundle_with(golden_rows(off=1.1e-9))
    with pytest.raises(BundleInvalid, match="32 of its 32"):
        check_golden_rows(bundle, load_scorer(bundle))


def test_the_refusal_tells_how_many_rows_and_how_far_and_no_value(bundle_with: Make) -> None:
    probabilities = PROBABILITIES.copy()
    probabilities[[int(np.argmin(PROBABILITIES)), int(np.argmax(PROBABILITIES))]] = [0.25, 0.75]
    golden = choose_golden_rows(ROWS, PROBABILITIES, count=200)
    by_row = {tuple(row): probability for row, probability in zip(ROWS.tolist(), probabilities.tolist(), strict=True)}
    changed = GoldenRows(rows=golden.rows, probabilities=tuple(by_row[row] for row in golden.rows))
    bundle = bundle_with(changed)
    with pytest.raises(BundleInvalid) as refused:
        check_golden_rows(bundle, load_scorer(bundle))
    far = max(0.25 - PROBABILITIES.min(), PROBABILITIES.max() - 0.75)
    assert refused.value.message == (
        "The model does not answer 2 of its 200 golden rows as it did at training: "
        f"the largest difference is {far:.2g} (allowed: 1e-09)."
    )


@dataclass(frozen=True)
class _OffScorer:
    """The real scorer, off by so much on one of its two ways."""

    real: Scorer
    together: float = 0.0
    alone: float = 0.0

    def positive_probability(self, rows: Matrix) -> Matrix:
        return self.real.positive_probability(rows) + self.together

    def positive_probability_of_one(self, row: Matrix) -> float:
        return self.real.positive_probability_of_one(row) + self.alone


@pytest.mark.parametrize("way", ["together", "alone"])
@pytest.mark.parametrize("off", [1e-6, -1e-6, float("nan")])
def test_rows_are_scored_together_and_one_at_a_time(way: str, off: float, bundle_with: Make) -> None:
    bundle = bundle_with(golden_rows())
    with pytest.raises(BundleInvalid, match="32 of its 32 golden rows"):
        check_golden_rows(bundle, _OffScorer(load_scorer(bundle), **{way: off}))


def test_a_scorer_that_fails_is_refused(bundle_with: Make) -> None:
    bundle = bundle_with(golden_rows())
    of_two_features = AffineScorer(np.zeros(2), 0.0, np.zeros(2))
    with pytest.raises(BundleInvalid, match="fails on its golden rows"):
        check_golden_rows(bundle, of_two_features)


def test_no_rows_pass_with_a_note(bundle_with: Make) -> None:
    bundle = bundle_with(golden_rows(0))
    check = check_golden_rows(bundle, load_scorer(bundle))
    assert (check.rows, check.note) == (0, NONE_STORED)


def document(**changes: Any) -> bytes:
    return json.dumps({**json.loads(golden_rows(2).to_bytes()), **changes}).encode()


BROKEN: dict[str, tuple[bytes | None, str]] = {
    "no file": (None, r"has no golden\.json"),
    "cut off": (golden_rows().to_bytes()[:-9], "Invalid JSON"),
    "another format": (document(format="vouchml-golden-v2"), "format"),
    "an unknown key": (document(more=1), "more"),
    "a probability too few": (document(probabilities=[0.5]), "as many probabilities as rows"),
    "a probability above 1": (document(probabilities=[0.5, 1.5]), r"probabilities\.1"),
    "a value as text": (document(rows=[[1, 2, 3], [1, "2", 3]]), r"rows\.1\.1"),
    "a value too few": (document(rows=[[1, 2, 3], [1, 2]]), "does not fit the contract"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_missing_or_broken_is_refused(what: str, bundle_with: Make) -> None:
    content, said = BROKEN[what]
    bundle = bundle_with(content)
    with pytest.raises(BundleInvalid, match=said):
        check_golden_rows(bundle, load_scorer(bundle))
