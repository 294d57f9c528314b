from __future__ import annotations

import json
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.model.small_bundle import small_bundle, small_contract

from vouchml.errors import BundleInvalid
from vouchml.model import load_scorer
from vouchml.model.scorers.affine import AFFINE_FILE, AffineModel, AffineScorer

Matrix = NDArray[np.float64]

COUNTS = [*range(1, 70), 100, 127, 128, 129, 200, 255, 256, 257, 1000, 4097]
ANY = st.floats(allow_nan=False, allow_infinity=False)


def a_model(features: int, seed: int = 0) -> AffineModel:
    rng = np.random.default_rng(seed)
    return AffineModel(
        coefficients=tuple((rng.normal(size=features) / features).tolist()),
        intercept=float(rng.normal()),
        baseline=tuple(rng.normal(size=features).tolist()),
    )


def alone(scorer: AffineScorer, rows: Matrix) -> Matrix:
    return np.array([scorer.positive_probability_of_one(row) for row in rows])


@pytest.mark.parametrize("offset", [0, 1, 2, 3, 5])
def test_a_row_alone_and_among_others_has_the_same_bits_at_every_width_and_alignment(offset: int) -> None:
    rng = np.random.default_rng(offset)
    for features in COUNTS:
        scorer = AffineScorer.of(a_model(features))
        cells = rng.normal(size=11 * features + offset) * 10.0 ** rng.integers(-6, 4, size=11 * features + offset)
        rows = cells[offset:].reshape(11, features)
        together = scorer.positive_probability(rows)
        assert np.array_equal(together, alone(scorer, rows)), features
        assert np.array_equal(together, alone(scorer, [row.copy() for row in rows])), features  # type: ignore[arg-type]
        assert np.array_equal(together[3:9], scorer.positive_probability(rows[3:9])), features


def test_rows_that_do_not_lie_row_by_row_in_memory_have_the_same_bits_too() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 37))
    scorer = AffineScorer.of(a_model(37))
    expected = scorer.positive_probability(rows)
    assert np.array_equal(scorer.positive_probability(np.asfortranarray(rows)), expected)
    assert np.array_equal(scorer.positive_probability(np.repeat(rows, 2, axis=0)[::2]), expected)


def test_the_exponential_of_one_number_is_that_among_others_at_every_size() -> None:
    scorer = AffineScorer(np.array([1.0]), 0.0, np.array([0.0]))
    rng = np.random.default_rng(2)
    log_odds = np.concatenate([rng.normal(size=4001) * size for size in (1e-300, 1e-9, 1e-2, 1.0, 40.0, 400.0)])
    log_odds = np.concatenate([log_odds, [0.0, -0.0, 709.78, -745.2, 5e-324, 1.7e308]])[:, None]
    assert np.array_equal(scorer.positive_probability(log_odds), alone(scorer, log_odds))


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(*[st.lists(ANY, min_size=n, max_size=n)] * 2)), ANY)
def test_every_finite_row_has_a_probability_without_a_warning(lists: tuple[list[float], list[float]], b: float) -> None:
    coefficients, row = np.array(lists[0]), np.array(lists[1])
    scorer = AffineScorer(coefficients, b, np.zeros(len(row)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = scorer.positive_probability_of_one(row)
        (among, _) = scorer.positive_probability(np.stack([row, row]))
    assert one == among
    assert 0.0 <= one <= 1.0


def test_a_sum_that_leaves_float64_on_its_way_is_on_the_right_side() -> None:
    scorer = AffineScorer(np.array([10.0, -10.0, 1.0]), 0.25, np.zeros(3))
    rows = np.array([[1e308, 1e308, 1e306], [1e308, 1e308, -1e306], [1.7e308, 1e308, 0.0], [1e308, 1.7e308, 0.0]])
    assert scorer.positive_probability(rows).tolist() == [1.0, 0.0, 1.0, 0.0]
    assert alone(scorer, rows).tolist() == [1.0, 0.0, 1.0, 0.0]
    assert scorer.log_odds(rows).tolist() == [1e306, -1e306, np.inf, -np.inf]


def test_the_probability_is_right_to_its_last_digits() -> None:
    rng = np.random.default_rng(3)
    model = a_model(30)
    scorer = AffineScorer.of(model)
    for row in rng.normal(size=(200, 30)):
        products = (Fraction(w) * Fraction(x) for w, x in zip(model.coefficients, row.tolist(), strict=True))
        log_odds = float(sum(products, Fraction(model.intercept)))
        assert scorer.positive_probability_of_one(row) == pytest.approx(1 / (1 + np.exp(-log_odds)), rel=1e-14)


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=20), ANY)
def test_a_model_is_read_back_as_it_was_written(pairs: list[tuple[float, float]], intercept: float) -> None:
    coefficients, baseline = zip(*pairs, strict=True)
    model = AffineModel(coefficients=coefficients, intercept=intercept, baseline=baseline)
    assert AffineModel.model_validate_json(model.to_bytes()) == model


def test_the_contract_names_the_scorer_and_the_file_is_loaded(tmp_path: Path) -> None:
    model = a_model(4)
    scorer = load_scorer(small_bundle(tmp_path, small_contract(4), {AFFINE_FILE: model.to_bytes()}))
    assert isinstance(scorer, AffineScorer)
    assert (tuple(scorer.coefficients), scorer.intercept, tuple(scorer.baseline)) == (
        model.coefficients,
        model.intercept,
        model.baseline,
    )


def test_a_version_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match=r"has no affine\.json"):
        load_scorer(small_bundle(tmp_path, small_contract(4), {}))


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(a_model(4).to_bytes()), **changes}


BROKEN: dict[str, tuple[Any, str]] = {
    "not JSON": (b"\x00", "Invalid JSON"),
    "cut off": (a_model(4).to_bytes()[:-9], "Invalid JSON"),
    "another format": (document(format="vouchml-affine-v2"), "format"),
    "an unknown key": (document(more=1), "more"),
    "no coefficient": (document(coefficients=[], baseline=[]), "coefficients"),
    "a coefficient too few": (document(coefficients=[1, 2, 3], baseline=[0, 0, 0]), "does not take 4 features"),
    "a coefficient too many": (document(coefficients=[1] * 5, baseline=[0] * 5), "does not take 4 features"),
    "a baseline too few": (document(baseline=[0, 0, 0]), "as many baselines as coefficients"),
    "a number as text": (document(intercept="0.5"), "intercept"),
    "a boolean": (document(coefficients=[True, 1, 2, 3]), r"coefficients\.0"),
    "null": (document(intercept=None), "intercept"),
    "NaN": (a_model(4).to_bytes().replace(b'"intercept":', b'"intercept":NaN,"x":'), "not an affine form"),
    "infinity": (json.dumps(document(intercept=0)).replace('"intercept": 0', '"intercept": 1e999').encode(), "finite"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_refused_with_its_place(what: str, tmp_path: Path) -> None:
    content, said = BROKEN[what]
    written = content if isinstance(content, bytes) else json.dumps(content).encode()
    bundle = small_bundle(tmp_path, small_contract(4), {AFFINE_FILE: written})
    with pytest.raises(BundleInvalid, match=said):
        load_scorer(bundle)
