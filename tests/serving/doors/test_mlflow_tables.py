from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model.small_bundle import small_contract

from vouchml.errors import ContractBreach, VouchError
from vouchml.serving.doors.mlflow_tables import TableRules, _carefully, _quickly, from_csv, from_json

CONTRACT = small_contract(3)
NAMES = CONTRACT.feature_names
RULES = TableRules(CONTRACT, max_rows=5)

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["-0", "-0.0", "0e0", "1E+2", "1e-400", "9007199254740992", "9007199254740993", "1e308"]),
)
oddities = st.sampled_from(
    ["null", "true", '"1"', "NaN", "-Infinity", "1e999", "01", "[1]", "{}", "", "1" + "0" * 400, "1 2", "0x1", ".5"]
)
columns = st.one_of(
    st.permutations(NAMES),
    st.lists(st.sampled_from([*NAMES, "other", "\u2028", 'a"b', "f\u00e9", "feature"]), max_size=5),
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A `dataframe_split`: mostly right, and wrong in any way that JSON can be."""
    names = draw(columns)
    tokens = st.one_of(numbers, numbers, numbers, oddities) if draw(st.booleans()) else numbers
    width = len(names) if draw(st.integers(0, 9)) else draw(st.integers(0, 5))
    rows = draw(st.lists(st.lists(tokens, min_size=width, max_size=width), max_size=6))
    keys = [("columns", json.dumps(names, ensure_ascii=draw(st.booleans()))), ("data", array(map(array, rows)))]
    if draw(st.booleans()):
        index = list(range(len(rows) + draw(st.sampled_from([0, 0, 0, 1]))))
        keys.append(("index", draw(st.sampled_from([json.dumps(index), json.dumps([str(n) for n in index]), "null"]))))
    if not draw(st.integers(0, 5)):
        keys.append(
            draw(st.sampled_from([("data", "[[1, 2, 3]]"), ("columns", "[]"), ("dtypes", "{}"), ("index", "1")]))
        )
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    split = "{" + f",{space}".join(f'"{key}":{space}{value}' for key, value in draw(st.permutations(keys))) + "}"
    beside = draw(st.sampled_from(["", "", "", ', "params": {}', ', "params": 0', ', "instances": []', ", "]))
    return f'{space}{{"dataframe_split":{space}{split}{beside}}}{space}'.encode()


def array(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def outcome(read: Callable[[bytes, TableRules], Any], body: bytes) -> Any:
    """The bits of the rows, or all of the refusal."""
    try:
        decoded = read(body, RULES)
    except VouchError as error:
        lists = (error.missing, error.extra, error.invalid) if isinstance(error, ContractBreach) else ()
        return type(error), error.diagnostics(), lists
    return decoded.rows.shape, decoded.rows.tobytes(), decoded.passed_over


@settings(max_examples=600, deadline=None)
@given(bodies())
def test_the_fast_way_takes_what_the_careful_one_takes(body: bytes) -> None:
    assert outcome(from_json, body) == outcome(_carefully, body)


@settings(max_examples=100, deadline=None)
@given(
    st.permutations(NAMES),
    st.lists(st.lists(st.floats(-1e15, 1e15), min_size=3, max_size=3), min_size=1, max_size=5),
    st.booleans(),
)
def test_a_body_without_anything_odd_takes_the_fast_way(
    names: list[str], rows: list[list[float]], with_index: bool
) -> None:
    index = {"index": list(range(len(rows)))} if with_index else {}
    body = json.dumps({"dataframe_split": {**index, "columns": names, "data": rows}}).encode()

    found = _quickly(body, RULES)

    assert found is not None
    assert found.tolist() == [[row[names.index(name)] for name in NAMES] for row in rows]


@settings(max_examples=200, deadline=None)
@given(
    st.permutations(NAMES),
    st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from(["\n", "\r\n"]),
)
def test_csv_says_the_same_as_json(names: list[str], rows: list[list[str]], end: str) -> None:
    lines = [",".join(names), *(",".join(row) for row in rows)]
    split = f'{{"dataframe_split": {{"columns": {json.dumps(names)}, "data": {array(map(array, rows))}}}}}'

    by_csv, by_json = outcome(from_csv, end.join(lines).encode()), outcome(from_json, split.encode())

    assert by_csv[:2] == by_json[:2] or (by_csv[0], by_json[0]) == (ContractBreach, ContractBreach)


@pytest.mark.parametrize(
    "cell", ["", " ", "1 2", "1,", "0x1p3", "1_0", "\u0661", "1e", "e1", ".", "+-1", "nan", '"1', "1d"]
)
def test_a_cell_of_csv_that_is_no_decimal_number_is_refused(cell: str) -> None:
    body = f"{','.join(NAMES)}\n{cell},1,2\n".encode()

    with pytest.raises(VouchError):
        from_csv(body, RULES)


@pytest.mark.parametrize(("cell", "number"), [(" 1.5 ", 1.5), ("+1", 1.0), (".5", 0.5), ("5.", 5.0), ('"1.5"', 1.5)])
def test_a_cell_of_csv_may_be_written_in_any_decimal_way(cell: str, number: float) -> None:
    assert from_csv(f"{','.join(NAMES)}\n{cell},1,2".encode(), RULES).rows.tolist() == [[number, 1.0, 2.0]]
