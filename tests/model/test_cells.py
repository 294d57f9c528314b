"""What a cell may hold, and what stands for it in a row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.small_bundle import small_contract

from vouchml.errors import ContractBreach
from vouchml.model import Feature
from vouchml.model.cells import cells_of, encoders, null_problems, recoded
from vouchml.model.request import decode_records, decode_request
from vouchml.model.strict_json import NotJson

FEATURES = (
    Feature(name="dose", minimum=0.0, maximum=1.0),
    Feature(name="age", nullable=True, minimum=0.0, maximum=1.0),
    Feature(name="sex", type="category", categories=("f", "m")),
    Feature(name="region", type="category", nullable=True, categories=("8675309 east", "west")),
)
CONTRACT = small_contract(FEATURES)


@given(
    st.fixed_dictionaries(
        {
            "dose": st.floats(allow_nan=False, allow_infinity=False),
            "age": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "sex": st.sampled_from(["f", "m"]),
            "region": st.sampled_from([None, "8675309 east", "west"]),
        }
    )
)
def test_cells_come_back_from_the_row_that_they_became(row: dict[str, Any]) -> None:
    encoded = [encode(row[name]) for name, encode in zip(CONTRACT.feature_names, encoders(CONTRACT), strict=True)]
    assert all(isinstance(cell, float) for cell in encoded)
    assert cells_of(FEATURES, encoded) == row  # type: ignore[arg-type]


WRONG: dict[str, tuple[str, Any, str]] = {
    "null": ("dose", None, "must be a number, not null"),
    "text for a number": ("dose", "8675309", "must be a number, not a string"),
    "text for a nullable number": ("age", "8675309", "must be a number, not a string"),
    "NaN for a nullable number": ("age", NotJson(), "must be a number, not NaN or Infinity"),
    "another category": ("sex", "8675309", "is none of the categories that it had in training"),
    "another spelling": ("sex", "M", "is none of the categories that it had in training"),
    "a blank": ("region", "", "is none of the categories that it had in training"),
    "null for a category": ("sex", None, "must be a string, not null"),
    "a place for a category": ("sex", 1, "must be a string, not a number"),
    "a boolean": ("sex", True, "must be a string, not a boolean"),
    "a list": ("region", ["west"], "must be a string, not an array"),
    "NaN for a nullable category": ("region", NotJson(), "must be a string, not NaN or Infinity"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_cell_may_not_hold_is_refused_and_not_repeated(case: str) -> None:
    name, value, problem = WRONG[case]
    row = {"dose": 1.0, "age": None, "sex": "f", "region": None, name: value}
    with pytest.raises(ContractBreach) as breach:
        decode_records([row], CONTRACT, place="rows")
    assert [(each.feature, each.problem) for each in breach.value.invalid] == [(f"rows[0].{name}", problem)]
    assert "8675309" not in breach.value.diagnostics()


def test_a_null_is_the_json_null_and_nothing_else() -> None:
    body = b'{"features": {"dose": 1, "age": %b, "sex": "f", "region": null}}'
    assert math.isnan(decode_request(body % b"null", CONTRACT).row[1])
    for other in (b"NaN", b'""', b'"null"', b"[]", b"false"):
        with pytest.raises(ContractBreach):
            decode_request(body % other, CONTRACT)


def test_a_nan_where_none_may_be_is_named() -> None:
    rows = np.array([[0.0, np.nan, np.nan, 0.0], [np.nan, 0.0, 0.0, np.nan]])
    assert [each.feature for each in null_problems(CONTRACT, rows)] == ["dose", "sex"]
    assert null_problems(CONTRACT, np.array([[0.0, np.nan, 0.0, np.nan]])) == []


AGE, SEX = FEATURES[1], FEATURES[2]


def changed(feature: Feature, **values: Any) -> Feature:
    return Feature(**{**feature.model_dump(), **values})


@pytest.mark.parametrize(
    ("features", "same"),
    [
        ((AGE, SEX), True),
        ((changed(AGE, maximum=99.0), SEX), True),
        ((SEX, AGE), False),
        ((changed(AGE, nullable=False), SEX), False),
        ((AGE, changed(SEX, nullable=True)), False),
        ((AGE, changed(SEX, categories=("f", "m", "x"))), False),
        ((AGE, changed(SEX, categories=("f", "n"))), False),
        ((AGE, Feature(name="sex", minimum=0.0, maximum=1.0)), False),
    ],
)
def test_a_row_means_the_same_under_contracts_of_the_same_names_categories_and_nulls(
    features: tuple[Feature, ...], same: bool
) -> None:
    assert small_contract(features).takes_rows_of(small_contract((AGE, SEX))) is same


WARD = Feature(name="ward", type="category", nullable=True, categories=("1", "2", "3"))
DOSE = Feature(name="dose", minimum=0.0, maximum=1.0)
TWO = np.array([[0.0, 5.0], [2.0, 6.0], [np.nan, 7.0]])


def test_rows_are_recoded_for_a_contract_of_other_categories() -> None:
    other = (changed(WARD, categories=("0", "1", "3")), changed(DOSE, nullable=True))
    rows, wrong = recoded(TWO, (WARD, DOSE), other)
    assert wrong == ()
    assert np.array_equal(rows, [[1.0, 5.0], [2.0, 6.0], [np.nan, 7.0]], equal_nan=True)
    assert TWO[0, 0] == 0.0


@pytest.mark.parametrize(
    ("ward", "dose", "wrong"),
    [
        (WARD, DOSE, ()),
        (changed(WARD, categories=("1", "3")), DOSE, ()),
        (changed(WARD, categories=("2", "3")), DOSE, ("ward",)),
        (changed(WARD, nullable=False), DOSE, ("ward",)),
        (Feature(name="ward", nullable=True, minimum=1.0, maximum=3.0), DOSE, ("ward",)),
        (WARD, Feature(name="dose", type="category", categories=("5", "6", "7")), ("dose",)),
    ],
)
def test_what_a_contract_does_not_take_of_the_rows_is_named(
    ward: Feature, dose: Feature, wrong: tuple[str, ...]
) -> None:
    assert recoded(TWO, (WARD, DOSE), (ward, dose))[1] == wrong
