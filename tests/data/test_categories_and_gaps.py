"""Columns that are declared as categories or nullable: what is taken, what it becomes, and what is still refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vouchml.data import Table, check_leakage, check_unseen, split_rows
from vouchml.data.unseen import unseen
from vouchml.errors import LeakageFound, TableInvalid
from vouchml.settings import DataSettings

Reader = Callable[..., Table]
NAN = float("nan")


def same(found: Any, expected: Any) -> bool:
    return bool(np.array_equal(np.asarray(found), np.asarray(expected), equal_nan=True))


def test_a_category_is_its_place_among_the_sorted_texts_and_a_gap_is_nan(read: Reader) -> None:
    table = read('a,sex,y\n1,m,0\n,f,1\n3,"é, ü",1\n4,,0\n', categorical=["sex"], nullable=["a", "sex"])
    assert table.categories == {"sex": ("f", "m", "é, ü")}
    assert table.nullable == ("a", "sex")
    assert same(table.values, [[1, 1], [NAN, 0], [3, 2], [4, NAN]])
    assert [table.cells(row) for row in range(4)] == [
        {"a": 1.0, "sex": "m"},
        {"a": None, "sex": "f"},
        {"a": 3.0, "sex": "é, ü"},
        {"a": 4.0, "sex": None},
    ]


def test_whole_numbers_and_booleans_may_be_categories(read: Reader) -> None:
    table = read("ward,ok,y\n10,true,0\n2,False,1\n01,true,1\n2.0,,0\n", categorical=["ward", "ok"], nullable=["ok"])
    assert table.categories == {"ward": ("1", "10", "2"), "ok": ("false", "true")}
    assert same(table.values, [[1, 1], [2, 0], [0, 1], [2, NAN]])


def test_parquet_of_texts_dictionaries_and_integers_gives_the_same_categories(read: Reader) -> None:
    texts = ["b", "a", None, "b"]
    columns: dict[str, Any] = {
        "text": pa.array(texts),
        "large": pa.array(texts, pa.large_string()),
        "dictionary": pa.array(texts).dictionary_encode(),
        "whole": pa.array([2, 1, None, 2]),
        "y": pa.array([0, 1, 0, 1]),
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    names = ["text", "large", "dictionary", "whole"]
    table = read(file.getvalue(), "table.parquet", categorical=names, nullable=names)
    assert all(same(column, [1, 0, NAN, 1]) for column in table.values.T)
    assert table.categories["whole"] == ("1", "2")


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "gap": ("sex,y\nm,0\n,1\nf,1\n", {"categorical": ["sex"]}, "column 'sex' has 1 missing value (first on line 3)"),
    "gap_declared_elsewhere": (
        "a,b,y\n1,2,0\n,3,1\n3,,1\n",
        {"nullable": ["b"]},
        "column 'a' has 1 missing value (first on line 3)",
    ),
    "nullable_text": ("sex,y\nm,0\nf,1\n", {"nullable": ["sex"]}, "column 'sex' is not numeric (first on line 2)"),
    "fractions": (
        "a,y\n1,0\n2.5,1\ninf,1\n",
        {"categorical": ["a"]},
        "column 'a' holds categories and has 2 numbers with a fraction (first on line 3)",
    ),
    "nothing": ("a,b,y\n1,,0\n2,,1\n", {"nullable": ["b"]}, "column 'b' has no values"),
    "no_text": ("a,b,y\n1,,0\n2,,1\n", {"nullable": ["b"], "categorical": ["b"]}, "column 'b' has no values"),
    "one_category": ("a,b,y\n1,x,0\n2,x,1\n", {"categorical": ["b"]}, "column 'b' has the same value in every row"),
    "unknown": (
        "a,regoin,y\n1,2,0\n2,3,1\n",
        {"categorical": ["region"]},
        "[data] categorical names 'region', which is not a column (did you mean 'regoin'?)",
    ),
    "target": ("a,y\n1,0\n2,1\n", {"nullable": ["y"]}, "[data] nullable names 'y', which is the target"),
    "left_out": (
        "a,b,y\n1,x,0\n2,x,1\n",
        {"categorical": ["b"], "exclude": ["b"]},
        "[data] categorical names 'b', which is left out",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_as_it_was_declared_is_refused_in_one_line(read: Reader, case: str) -> None:
    content, settings, clause = REFUSED[case]
    with pytest.raises(TableInvalid) as refusal:
        read(content, **settings)
    assert refusal.value.message == f"table.csv: {clause}."
    assert refusal.value.remedy


def test_blank_texts_of_parquet_are_no_categories(read: Reader) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": ["x", " ", "", "z"], "y": [0, 1, 0, 1]}), file)
    with pytest.raises(TableInvalid, match=r"'a' holds categories and has 2 blank cells \(first on row 2\)"):
        read(file.getvalue(), "table.parquet", categorical=["a"])


def test_more_categories_than_a_thousand_are_refused(read: Reader) -> None:
    rows = "".join(f"c{row},{row % 2}\n" for row in range(1001))
    with pytest.raises(TableInvalid, match="column 'a' holds 1001 categories; vouchml takes 1000"):
        read(f"a,y\n{rows}", categorical=["a"])


def test_a_column_with_one_value_and_gaps_tells_rows_apart(read: Reader) -> None:
    table = read("a,b,y\n5,x,0\n,,1\n5,x,1\n", categorical=["b"], nullable=["a", "b"])
    assert same(table.values, [[5, 0], [NAN, NAN], [5, 0]])


def test_the_content_hash_does_not_depend_on_what_is_declared(read: Reader) -> None:
    content = "a,b,y\n1,2,0\n2,1,1\n"
    assert read(content).content_sha256 == read(content, categorical=["a"], nullable=["b"]).content_sha256


def test_rows_that_are_equal_in_texts_and_gaps_are_duplicates_and_leak(read: Reader) -> None:
    row = "m,,{}\n"
    content = "sex,a,y\n" + "".join(row.format(place % 2) for place in range(20)) + "f,1,0\nf,2,1\n"
    settings: dict[str, Any] = {"categorical": ["sex"], "nullable": ["a"]}
    table = read(content, **settings)
    assert table.report.duplicate_rows == 18
    assert table.report.conflicting_rows == 20
    with pytest.raises(LeakageFound):
        check_leakage(table, split_rows(table, test_size=0.3, random_state=1))
    assert len(read(content, **settings, duplicates="drop").values) == 4


def test_the_report_counts_gaps_and_lists_categories(read: Reader) -> None:
    table = read("a,sex,y\n1,m,0\n,f,1\n3,,1\n4,m,0\n", categorical=["sex"], nullable=["a", "sex"])
    assert [each.to_json() for each in table.report.ranges] == [
        {"name": "a", "minimum": 1.0, "maximum": 4.0, "distinct": 3, "missing": 1},
        {"name": "sex", "distinct": 2, "missing": 1, "categories": ("f", "m")},
    ]


def test_a_category_that_no_training_row_has_is_refused_and_named(read: Reader) -> None:
    rows = [f"{place},often,{place % 2}" for place in range(20)]
    plain = read("\n".join(["a,b,y", *rows]), exclude=["b"])
    split = split_rows(plain, test_size=0.3, random_state=1)
    rare = int(split.test[0])
    rows[rare] = rows[rare].replace("often", "rare")
    data = DataSettings(path="-", target="y", positive_class="1", categorical=("b",))
    table = read("\n".join(["a,b,y", *rows]), categorical=["b"])
    with pytest.raises(TableInvalid) as refusal:
        check_unseen(table, split, data)
    assert refusal.value.message == ("table.csv: column 'b' has 1 test row of categories in no training row: 'rare'.")
    assert '[data] exclude = ["b"]' in refusal.value.remedy
    assert not list(unseen(plain, split))


def test_a_column_whose_values_all_stand_in_test_rows_is_refused(read: Reader) -> None:
    rows = [f"{place},,{place % 2}" for place in range(20)]
    split = split_rows(read("\n".join(["a,b,y", *rows]), exclude=["b"]), test_size=0.3, random_state=1)
    rare = int(split.test[0])
    rows[rare] = rows[rare].replace(",,", ",7,")
    table = read("\n".join(["a,b,y", *rows]), nullable=["b"])
    assert list(unseen(table, split)) == [("b", "has no values in the training rows")]
