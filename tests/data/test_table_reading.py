"""What a table that can be used becomes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vouchml.data import Table, label_of

Reader = Callable[..., Table]


def test_columns_keep_the_order_of_the_file_and_the_target_may_stand_anywhere(read: Reader) -> None:
    table = read("b,y,a\n1,0,2\n3,1,4\n")
    assert (table.names, table.target, table.file) == (("b", "a"), "y", "table.csv")
    assert table.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert table.values.flags.c_contiguous
    assert table.targets.tolist() == [0, 1]


def test_the_arrays_of_a_table_are_read_only(read: Reader) -> None:
    table = read("a,y\n1,0\n2,1\n")
    for array in (table.values, table.targets, table.row_ids, table.row_numbers):
        assert not array.flags.writeable


def test_names_with_spaces_quotes_commas_and_other_scripts_are_kept(read: Reader) -> None:
    table = read('"mean radius","5"" ""x""","a, b",größe,"two\nlines",y\n1,2,3,4,5,0\n6,7,8,9,0,1\n')
    assert table.names == ("mean radius", '5" "x"', "a, b", "größe", "two\nlines")
    assert table.place(0) == "line 3"


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (("0", "1"), [0, 1]),
        (("1.0", "2e0"), [1, 2]),
        (("-1", "1"), [-1, 1]),
        (("False", "true"), [0, 1]),
        (("no", "yes"), ["no", "yes"]),
        (("NA", "EU"), ["NA", "EU"]),
        (("1", "1b"), ["1", "1b"]),
    ],
)
def test_targets_are_integers_or_text(read: Reader, targets: tuple[str, str], expected: list[int | str]) -> None:
    table = read(f"a,y\n1,{targets[0]}\n2,{targets[1]}\n", positive_class=str(expected[1]))
    assert table.targets.tolist() == expected
    assert {type(value) for value in table.targets.tolist()} == {type(expected[0])}


def test_a_boolean_target_in_parquet_becomes_0_and_1(read: Reader) -> None:
    table = read(parquet(pa.table({"a": [1, 2], "y": [False, True]})), "table.parquet")
    assert table.targets.tolist() == [0, 1]


def test_boolean_features_become_0_and_1(read: Reader) -> None:
    assert read("a,y\ntrue,0\nFALSE,1\n").values.tolist() == [[1.0], [0.0]]


def test_minus_zero_becomes_zero(read: Reader) -> None:
    assert not np.signbit(read("a,y\n-0.0,0\n1,1\n").values).any()


def test_columns_that_are_excluded_may_hold_anything(read: Reader) -> None:
    table = read("id,sex,a,y\n,m,1,0\n99999999999999999999,m,2,1\n", exclude=("id", "sex"))
    assert table.names == ("a",)
    assert table.report.excluded == ("id", "sex")


def test_a_value_without_a_name_is_its_own_name(read: Reader) -> None:
    assert read("a,y\n1,0\n2,1\n", labels={"1": "sick"}, positive_class="sick").targets.tolist() == [0, 1]
    assert (label_of(1, {"1": "sick"}), label_of(0, {"1": "sick"})) == ("sick", "0")


def test_dropping_duplicates_keeps_the_first_and_says_how_many_went(read: Reader) -> None:
    content = "a,b,y\n1,2,0\n3,4,1\n1.0,2e0,0\n1,2,1\n3,4,1\n"
    table = read(content, duplicates="drop")
    assert table.row_ids.tolist() == [0, 1, 3]
    assert table.row_numbers.tolist() == [2, 3, 5]
    assert (table.report.file_rows, table.report.rows, table.report.duplicates_dropped) == (5, 3, 2)
    assert table.report.duplicate_rows == 0
    kept = read(content)
    assert (kept.report.rows, kept.report.duplicate_rows, kept.report.duplicates_dropped) == (5, 2, 0)
    assert kept.content_sha256 == table.content_sha256


def test_rows_with_the_same_features_and_another_target_are_counted(read: Reader) -> None:
    table = read("a,y\n1,0\n1,1\n1,0\n2,1\n2,1\n")
    assert table.report.conflicting_rows == 3


def test_a_csv_row_is_named_by_its_line_even_behind_blank_lines_and_line_breaks_in_cells(read: Reader) -> None:
    table = read('\n\nnote,a,y\n"two\nlines",1,0\n\n\nx,2,1\n', exclude=("note",))
    assert [table.place(row) for row in range(2)] == ["line 4", "line 8"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_ends_and_a_missing_last_one_are_read(read: Reader, end: str) -> None:
    table = read(end.join(["a,y", "1,0", "2,1"]))
    assert table.values.tolist() == [[1.0], [2.0]]
    assert table.row_numbers.tolist() == [2, 3]


def test_a_stray_quote_inside_a_bare_cell_is_text(read: Reader) -> None:
    assert read('size,a,y\n5" pipe,1,0\n6 pipe,2,1\n7" pipe,3,0\n8,4,1\n8 7",5,1', exclude=("size",)).report.rows == 5


def test_a_byte_order_mark_is_not_part_of_the_first_name(read: Reader) -> None:
    assert read(b"\xef\xbb\xbfa,y\n1,0\n2,1\n").names == ("a",)


def test_a_column_is_typed_by_all_of_its_cells_however_long_the_file(read: Reader) -> None:
    rows = 400_000
    lines = [f"{row},{row % 2},{'x' * 40}" for row in range(rows)] + ["0.5,1,x"]
    table = read("a,y,filler\n" + "\n".join(lines) + "\n", exclude=("filler",))
    assert table.values[-1, 0] == 0.5
    assert table.report.rows == rows + 1


def test_a_parquet_file_of_pandas_reads_like_its_csv(read: Reader) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.1, 0.25, 1e-9], "y": ["no", "yes", "no"]})
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    from_parquet = read(file.getvalue(), "table.parquet", positive_class="yes")
    from_csv = read(frame.to_csv(index=False), positive_class="yes")
    assert np.array_equal(from_parquet.values, from_csv.values)
    assert from_parquet.targets.tolist() == from_csv.targets.tolist()
    assert from_parquet.content_sha256 == from_csv.content_sha256
    assert from_parquet.bytes_sha256 != from_csv.bytes_sha256
    assert from_parquet.place(0) == "row 1"


def test_200_columns_are_read(read: Reader) -> None:
    values = np.random.default_rng(0).normal(size=(50, 200))
    frame = pd.DataFrame(values, columns=[f"c{position}" for position in range(200)])
    frame["y"] = np.arange(50) % 2
    assert np.array_equal(read(frame.to_csv(index=False)).values, values)


def test_the_file_is_named_as_a_person_here_would_write_it(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert read("a,y\n1,0\n2,1\n", "data/table.csv").file == str(Path("data", "table.csv"))


def parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()
