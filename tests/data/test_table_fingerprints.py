"""The content hash: the same for every spelling of a table, another one for every other table."""

from __future__ import annotations

import hashlib
import io
import struct
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchml.data.fingerprint import content_sha256
from vouchml.data.source import read_source

Cells = list[list[Any]]

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53).map(float)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(lambda text: f"t{text}")
names = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4, unique=True)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], Cells]:
    """Column names, and the cells column by column: of numbers, of booleans or of text."""
    columns = draw(names)
    rows = draw(st.integers(1, 5))
    kinds = st.sampled_from([numbers, st.booleans(), texts])
    return columns, [draw(st.lists(draw(kinds) | st.none(), min_size=rows, max_size=rows)) for _ in columns]


def file_hash(content: bytes, suffix: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"table{suffix}")
        path.write_bytes(content)
        return content_sha256(read_source(path).columns)


def csv(columns: list[str], cells: Cells, *, end: str = "\n", bom: bool = False, spell: Any = repr) -> bytes:
    def cell(value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, float | int) and not isinstance(value, bool):
            return str(spell(value))
        return '"' + str(value).replace('"', '""') + '"'

    lines = [",".join(cell(name) for name in columns), *(",".join(map(cell, row)) for row in zip(*cells, strict=True))]
    return b"\xef\xbb\xbf" * bom + "".join(line + end for line in lines).encode()


def parquet(columns: list[str], cells: Cells) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(column) for column in cells], names=columns), file)
    return file.getvalue()


def csv_hash(text: str) -> str:
    return file_hash(text.encode(), ".csv")


@given(tables())
def test_csv_and_parquet_line_ends_and_spellings_of_numbers_do_not_change_the_hash(
    table: tuple[list[str], Cells],
) -> None:
    columns, cells = table
    expected = file_hash(csv([*columns, "guard of blank lines"], [*cells, [1.0] * len(cells[0])]), ".csv")
    columns, cells = [*columns, "guard of blank lines"], [*cells, [1] * len(cells[0])]
    assert file_hash(csv(columns, cells, end="\r\n", bom=True), ".csv") == expected
    assert file_hash(csv(columns, cells, spell=lambda value: f"{value:+.17e}"), ".csv") == expected
    assert file_hash(csv(columns, cells, spell=lambda value: f'" {Decimal(value):f}"'), ".csv") == expected
    assert file_hash(parquet(columns, cells), ".parquet") == expected


@given(tables(), st.data())
def test_one_changed_cell_changes_the_hash(table: tuple[list[str], Cells], data: st.DataObject) -> None:
    columns, cells = table
    column = data.draw(st.integers(0, len(columns) - 1))
    row = data.draw(st.integers(0, len(cells[0]) - 1))
    before = cells[column][row]
    kind: Any = next((type(cell) for cell in cells[column] if cell is not None), float)
    other = {float: numbers, bool: st.booleans(), str: texts}[kind] | st.none()
    after = data.draw(other.filter(lambda cell: cell != before))
    changed = [list(each) for each in cells]
    changed[column][row] = after
    assert file_hash(parquet(columns, changed), ".parquet") != file_hash(parquet(columns, cells), ".parquet")


@given(tables(), st.data())
def test_a_renamed_column_and_another_order_of_rows_or_columns_change_the_hash(
    table: tuple[list[str], Cells], data: st.DataObject
) -> None:
    columns, cells = table
    original = file_hash(parquet(columns, cells), ".parquet")
    position = data.draw(st.integers(0, len(columns) - 1))
    renamed = [*columns[:position], columns[position] + "'", *columns[position + 1 :]]
    assert file_hash(parquet(renamed, cells), ".parquet") != original
    order = data.draw(st.permutations(range(len(columns))))
    if order != list(range(len(columns))):
        moved = parquet([columns[each] for each in order], [cells[each] for each in order])
        assert file_hash(moved, ".parquet") != original
    backwards = [column[::-1] for column in cells]
    if backwards != cells:
        assert file_hash(parquet(columns, backwards), ".parquet") != original


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a,b\nx,yz\n", "a,b\nxy,z\n"),
        ("a,b\nx,y\nz,w\n", "a,b\nx,z\ny,w\n"),
        ("a,b\n1,2\n", "a,b\n2,1\n"),
        ("ab,c\n1,2\n", "a,bc\n1,2\n"),
        ("a\n1\n2\n", "a\n1\n2\n2\n"),
        ("a,b\n1,\n", "a,b\n,1\n"),
        ("a\ntrue\n", "a\n1\n"),
        ("a,b\n0,1\n", "a,b\nNA,1\n"),
        ("a\nx\n1\n", "a\nx\n1.0\n"),
        ("a\n9007199254740992\n", "a\n9007199254740993\n"),
        ("a\n123456789012345678901234567890\n", "a\n123456789012345678901234567891\n"),
    ],
)
def test_tables_that_look_alike_have_different_hashes(one: str, other: str) -> None:
    assert csv_hash(one) != csv_hash(other)


@pytest.mark.parametrize(
    "cells",
    [
        "1,0,0.5",
        "1.0,-0,.5",
        "1.00,0.0,5e-1",
        "1e0,-0.0,0.50",
        "+1,00,+0.5",
        '"1"," 0 ",0.500',
        "01,0e5,5.E-1",
    ],
)
def test_the_same_numbers_hash_the_same_however_they_are_written(cells: str) -> None:
    assert csv_hash(f"a,b,c\n{cells}\n") == csv_hash("a,b,c\n1,0,0.5\n")


@pytest.mark.parametrize(
    "stored", [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.decimal128(9, 3)]
)
def test_the_type_in_which_parquet_stores_a_number_does_not_change_the_hash(stored: pa.DataType) -> None:
    values = [Decimal(value) if pa.types.is_decimal(stored) else value for value in (1, 2, 100)]
    file = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(values).cast(stored)}), file)
    assert file_hash(file.getvalue(), ".parquet") == csv_hash("a\n1\n2\n100\n")


def test_integers_that_float64_rounds_hash_the_same_in_csv_and_parquet() -> None:
    integers = [2**53 + 1, -(2**62) - 1, 2**53]
    lines = "".join(f"{integer}\n" for integer in integers)
    assert file_hash(parquet(["a"], [integers]), ".parquet") == csv_hash(f"a\n{lines}")


def test_a_dictionary_and_a_date_of_parquet_hash_like_their_text() -> None:
    days = pa.array(np.array(["2024-01-31", "2024-02-01"], dtype="datetime64[D]"))
    file = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(["x", "y"]).dictionary_encode(), "b": days}), file)
    assert file_hash(file.getvalue(), ".parquet") == csv_hash("a,b\nx,2024-01-31\ny,2024-02-01\n")


def test_the_hash_is_over_the_bytes_that_the_documentation_says() -> None:
    def u64(*integers: int) -> bytes:
        return struct.pack(f"<{len(integers)}Q", *integers)

    expected = b"".join(
        [
            b"vouchml table v1\n",
            u64(3, 3),
            u64(3) + "né".encode() + bytes([1, 0, 2]) + struct.pack("<d", 1.5) + u64(16) + b"9007199254740993",
            u64(1) + b"t" + bytes([3, 0, 3]) + u64(1, 2) + b"xyz",
            u64(1) + b"b" + bytes([4, 4, 0]) + bytes([1, 0]),
        ]
    )
    text = "né,t,b\n1.5,x,true\nNA,,False\n09007199254740993.0,yz,\n"
    assert csv_hash(text) == hashlib.sha256(expected).hexdigest()
