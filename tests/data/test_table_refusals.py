"""Each table that cannot be used, and the one line that its owner reads."""

from __future__ import annotations

import io
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vouchml.data import Table, read_table
from vouchml.errors import TableInvalid, TableUnreadable
from vouchml.settings import DataSettings

Reader = Callable[..., Table]

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "empty.csv is empty."),
    "blank_lines_only.csv": (b"\n\r\n\n", "blank_lines_only.csv has no header and no rows."),
    "latin_1.csv": ("a,y\n1,0\n2,früh\n".encode("latin-1"), "latin_1.csv is not UTF-8 text (first on line 3)."),
    "latin_1_header.csv": (
        "früh,y\n1,0\n".encode("latin-1"),
        "latin_1_header.csv is not UTF-8 text (first on line 1).",
    ),
    "utf_16.csv": ("a,y\n1,0\n".encode("utf-16"), "utf_16.csv is not UTF-8 text (first on line 1)."),
    "short_row.csv": (b"a,b,y\n1,2,0\n\n1,2\n3,4,1\n", "short_row.csv: line 4 has 2 cells, the header has 3."),
    "long_row.csv": (b'a,y\n"1\n",0\n3,1,7\n', "long_row.csv: line 4 has 3 cells, the header has 2."),
    "one_cell.csv": (b"a,y\n1,0\n \n", "one_cell.csv: line 3 has 1 cell, the header has 2."),
    "semicolons.csv": (b"a;y\n1;0\n", "semicolons.csv is separated by ';'; vouchml reads commas."),
    "open_quote.csv": (
        b'a,y\n1,0\n2,"1\n3,0\n',
        "open_quote.csv: a quote that opens in the record on line 3 is never closed.",
    ),
    "csv_named.parquet": (b"a,y\n1,0\n", "csv_named.parquet is not a Parquet file."),
    "cut.parquet": (b"PAR1 and then nothing", "cut.parquet is not a complete Parquet file."),
}


@pytest.mark.parametrize("file", UNREADABLE)
def test_a_file_that_is_not_a_table_is_refused_in_one_line(read: Reader, file: str) -> None:
    content, message = UNREADABLE[file]
    with pytest.raises(TableUnreadable) as refusal:
        read(content, file)
    assert refusal.value.message == message
    assert refusal.value.remedy


def test_a_file_that_does_not_exist_a_folder_and_a_pipe_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.csv").mkdir()
    os.mkfifo("pipe.csv")
    data = DataSettings(path="-", target="y", positive_class="1")
    for file, message in {
        "missing.csv": "missing.csv does not exist.",
        "folder.csv": "folder.csv is a folder, not a table.",
        "pipe.csv": "pipe.csv is not a plain file.",
    }.items():
        with pytest.raises(TableUnreadable) as refusal:
            read_table(Path(file), data)
        assert refusal.value.message == message


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("locked.csv")
    path.write_text("a,y\n1,0\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(TableUnreadable, match=r"locked\.csv cannot be read: Permission denied\."):
        read_table(path, DataSettings(path="-", target="y", positive_class="1"))


def test_a_path_that_the_system_refuses_is_refused_with_its_reason() -> None:
    with pytest.raises(TableUnreadable, match="cannot be read: File name too long"):
        read_table(Path("x" * 300), DataSettings(path="-", target="y", positive_class="1"))


def test_parquet_columns_that_are_neither_numbers_nor_text_are_refused(read: Reader) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [[1], [2]], "y": [0, 1]}), file)
    with pytest.raises(TableUnreadable) as refusal:
        read(file.getvalue(), "lists.parquet")
    assert refusal.value.message == (
        "lists.parquet: column 'a' has the type list<element: int64>, which is neither a number nor text."
    )


INVALID: dict[str, tuple[str, dict[str, Any], str]] = {
    "duplicate_names.csv": ("a,a,y\n1,2,0\n2,3,1\n", {}, "2 columns are named 'a'"),
    "header_only.csv": ("a,y\n", {}, "there is a header but no rows"),
    "no_target.csv": ("a,Y\n1,0\n2,1\n", {}, "there is no target column 'y' (did you mean 'Y'?)"),
    "no_features.csv": ("y\n0\n1\n", {}, "there are no feature columns"),
    "saved_index.csv": (",a,y\n0,5,0\n1,6,1\n", {}, "column 1 has no name"),
    "excluded_unknown.csv": (
        "ident,a,y\n1,2,0\n2,3,1\n",
        {"exclude": ("idnt",)},
        "[data] exclude names 'idnt', which is not a column (did you mean 'ident'?)",
    ),
    "text.csv": ("a,b,y\n1,2,0\n2,male,1\n", {}, "column 'b' is not numeric (first on line 3)"),
    "decimal_commas.csv": ('a,b,y\n1,"0,5",0\n2,3,1\n', {}, "column 'b' is not numeric (first on line 2)"),
    "constant.csv": ("a,b,y\n1,7,0\n2,7.0,1\n", {}, "column 'b' has the same value in every row"),
    "missing_cells.csv": (
        "a,b,y\n1,2,0\n2,NaN,1\n3,,1\n4,3,0\n",
        {},
        "column 'b' has 2 missing values (first on line 3)",
    ),
    "infinite.csv": ("a,y\n1,0\ninf,1\n2,1\n", {}, "column 'a' has 1 infinite value (first on line 3)"),
    "too_large.csv": ("a,y\n1,0\n-1e999,1\n2,1\n", {}, "column 'a' has 1 infinite value (first on line 3)"),
    "empty_column.csv": ("a,b,y\n1,,0\n2,,1\n", {}, "column 'b' has 2 missing values (first on line 2)"),
    "long_ids.csv": (
        "id,y\n1,0\n9007199254740993,1\n",
        {},
        "column 'id' has 1 integer that float64 would round (first on line 3)",
    ),
    "missing_target.csv": ("a,y\n1,0\n2,\n3,1\n", {}, "the target 'y' has 1 missing value (first on line 3)"),
    "empty_target.csv": ("a,y\n1,\n2,\n", {}, "the target 'y' has no values"),
    "one_class.csv": ("a,y\n1,yes\n2,yes\n", {}, "the target 'y' has one value only ('yes'); a classifier needs two"),
    "three_classes.csv": ("a,y\n1,0\n2,1\n3,2\n", {}, "the target 'y' has 3 classes (0, 1, 2); vouchml is binary only"),
    "fractions.csv": ("a,y\n1,0\n2,0.5\n3,1\n", {}, "the target 'y' has 1 non-integer (first on line 3)"),
    "infinite_target.csv": (
        "a,y\n1,0\n2,inf\n",
        {},
        "the target 'y' has 1 non-integer (first on line 3)",
    ),
    "long_targets.csv": ("a,y\n1,0\n2,9007199254740993\n", {}, "the target 'y' has integers beyond 2^53"),
    "unknown_label.csv": (
        "a,y\n1,malign\n2,benign\n",
        {"labels": {"malignant": "bad"}, "positive_class": "benign"},
        "[data] labels names 'malignant', which is not a value of the target (did you mean 'malign'?)",
    ),
    "one_label_twice.csv": (
        "a,y\n1,0\n2,1\n",
        {"labels": {"0": "x", "1": "x"}, "positive_class": "x"},
        "[data] labels calls both classes 'x'",
    ),
    "unknown_positive_class.csv": (
        "a,y\n1,0\n2,1\n",
        {"labels": {"0": "malignant", "1": "benign"}, "positive_class": "bening"},
        "[data] positive_class 'bening' is not a label (did you mean 'benign'?)",
    ),
}


@pytest.mark.parametrize("file", INVALID)
def test_a_table_that_cannot_be_trained_on_is_refused_in_one_line(read: Reader, file: str) -> None:
    content, settings, clause = INVALID[file]
    with pytest.raises(TableInvalid) as refusal:
        read(content, file, **settings)
    assert refusal.value.message == f"{file}: {clause}."
    assert refusal.value.remedy


def test_all_that_is_wrong_with_a_table_is_said_at_once(read: Reader) -> None:
    content = "id,age,sex,site,y\nA1,30,m,1,0\nA2,,f,1,1\nA3,41,m,1,\n"
    with pytest.raises(TableInvalid) as refusal:
        read(content, exclude=("id",), positive_class="sick", labels={"1": "ill"})
    assert refusal.value.message == (
        "table.csv: column 'sex' is not numeric (first on line 2); column 'age' has 1 missing value (first on line 3); "
        "column 'site' has the same value in every row; the target 'y' has 1 missing value (first on line 4); "
        "[data] positive_class 'sick' is not a label."
    )
    assert refusal.value.remedy == (
        "Remove the rows without a target. The labels are '0', 'ill'. "
        'Where texts are meant as categories: [data] categorical = ["sex"]. '
        'Where values may be missing: [data] nullable = ["age"]. '
        'Mend the columns, or leave them out: [data] exclude = ["id", "sex", "age", "site"]'
    )


def test_while_the_target_is_not_known_nothing_is_advised_about_the_other_columns(read: Reader) -> None:
    with pytest.raises(TableInvalid) as refusal:
        read("ident,a,left\nA1,2,no\nA2,3,yes\n", target="lefft", exclude=("idnt",))
    assert refusal.value.message == (
        "table.csv: there is no target column 'lefft' (did you mean 'left'?); "
        "[data] exclude names 'idnt', which is not a column (did you mean 'ident'?)."
    )
    assert refusal.value.remedy == (
        "Set [data] target to one of the columns: 'ident', 'a', 'left'. Correct [data] exclude."
    )


def test_no_advice_repeats_a_name_that_is_no_column(read: Reader) -> None:
    with pytest.raises(TableInvalid) as refusal:
        read("ident,a,y\nA1,2,0\nA2,3,1\n", exclude=("idnt",))
    assert refusal.value.remedy.endswith('leave them out: [data] exclude = ["ident"]')


def test_the_remedy_works_when_it_is_pasted(read: Reader) -> None:
    content = 'id,"say ""hi""",a,y\nA1,x,1,0\nA2,x,2,1\n'
    with pytest.raises(TableInvalid) as refusal:
        read(content)
    pasted = tomllib.loads(refusal.value.remedy.rpartition("[data] ")[2])
    assert read(content, **pasted).names == ("a",)


def test_the_declarations_of_the_remedy_work_when_they_are_pasted(read: Reader) -> None:
    content = 'sex,"say ""hi""",a,y\nm,x,1,0\nf,z,,1\nf,x,2,1\n'
    with pytest.raises(TableInvalid) as refusal:
        read(content)
    parts = refusal.value.remedy.split(" [data] ")
    pasted = tomllib.loads("\n".join(part.partition("]")[0] + "]" for part in parts[1:3]))
    table = read(content, **pasted)
    assert table.names == ("sex", 'say "hi"', "a")
    assert table.categories == {"sex": ("f", "m"), 'say "hi"': ("x", "z")}
    assert table.nullable == ("a",)


def test_many_bad_columns_are_counted_but_all_can_be_excluded(read: Reader) -> None:
    names = [f"c{position}" for position in range(25)]
    content = f"{','.join(names)},a,y\n{'x,' * 25}1,0\n{'x,' * 25}2,1\n"
    with pytest.raises(
        TableInvalid, match=r"'c9' is not numeric \(first on line 2\); 15 more columns are not numeric\."
    ):
        read(content)
    with pytest.raises(TableInvalid) as refusal:
        read(content)
    assert '"c24"]' in refusal.value.remedy


def test_a_row_of_parquet_is_counted_from_1(read: Reader) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1.0, float("nan"), None], "y": [0, 1, 1]}), file)
    with pytest.raises(TableInvalid, match=r"column 'a' has 2 missing values \(first on row 2\)"):
        read(file.getvalue(), "table.parquet")


def test_numbers_that_parquet_stores_as_text_are_not_numeric(read: Reader) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": ["1", "2"], "b": [1, 2], "y": [0, 1]}), file)
    with pytest.raises(TableInvalid, match=r"column 'a' is not numeric \(first on row 1\)"):
        read(file.getvalue(), "table.parquet")


def test_two_parquet_columns_with_one_name_are_refused(read: Reader) -> None:
    file = io.BytesIO()
    columns = [pa.array([1, 2]), pa.array([3, 4]), pa.array([0, 1])]
    pq.write_table(pa.Table.from_arrays(columns, names=["a", "a", "y"]), file)
    with pytest.raises(TableInvalid, match="2 columns are named 'a'"):
        read(file.getvalue(), "table.parquet")


def test_a_table_that_is_mostly_empty_is_refused_quickly(read: Reader) -> None:
    content = ",".join(f"c{position}" for position in range(50)) + ",y\n" + ("," * 50 + "1\n") * 20_000
    with pytest.raises(TableInvalid, match="40 more columns have missing values"):
        read(content)
