"""Columns out of a CSV file: UTF-8 (with or without a byte order mark), commas, double quotes, any line ends.

Every cell is read as a string and typed by whole columns afterwards (`column`), so that a column's kind does not
depend on where a reader's first block happened to end.
"""

from __future__ import annotations

import codecs
import csv
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouchml.data.column import Column, column_from_csv
from vouchml.errors import TableUnreadable

_BLOCK_BYTES = 16 * 1024 * 1024


def read_csv(data: bytes, file: str) -> tuple[tuple[Column, ...], NDArray[np.int64]]:
    """Read the columns of `data`, and the line of the file on which each row starts (the first line is 1).

    Raises:
        TableUnreadable: not UTF-8, no header, a row with more or fewer cells than the header, an open quote.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    names = _header(data, file)
    records = _records(data, file, len(names))
    lines = _first_lines(data, file, len(records))
    columns = tuple(column_from_csv(name, records.column(position).slice(1)) for position, name in enumerate(names))
    return columns, lines[1:]


def _header(data: bytes, file: str) -> list[str]:
    try:
        rows = csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline=""))
        names = next((row for row in rows if row), None)
    except UnicodeDecodeError:
        raise _not_utf8(data, file) from None
    except csv.Error as error:
        raise TableUnreadable(f"{file}: the header cannot be read: {error}.", remedy=_SAVE_AGAIN) from None
    if names is None:
        raise TableUnreadable(f"{file} has no header and no rows.", remedy="Check [data] path.")
    if len(names) == 1 and (other := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise TableUnreadable(f"{file} is separated by {other!r}; vouchml reads commas.", remedy=_SAVE_AGAIN)
    return names


def _records(data: bytes, file: str, width: int) -> Any:
    """All records, the header among them, as an Arrow table of strings."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    uneven: list[tuple[int, int]] = []

    def stop_at(row: Any) -> str:
        uneven.append((row.number, row.actual_columns))
        return "error"

    names = [str(position) for position in range(width)]
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            # Without threads the reader knows the number of an uneven row; the strings are the slow part either way.
            read_options=arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=_BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=stop_at),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        if uneven:
            raise _uneven(data, file, *uneven[0], width=width) from None
        try:
            data.decode()
        except UnicodeDecodeError:
            raise _not_utf8(data, file) from None
        reason = str(error).splitlines()[0].partition(":")[2].strip() or "it is not CSV"
        raise TableUnreadable(f"{file} cannot be read: {reason[:200]}.", remedy=_SAVE_AGAIN) from error


def _uneven(data: bytes, file: str, record: int, cells: int, *, width: int) -> TableUnreadable:
    starts, _ = _scan(data)
    line = starts[record - 1] if record <= len(starts) else record
    return TableUnreadable(
        f"{file}: line {line} has {cells} cell{'' if cells == 1 else 's'}, the header has {width}.",
        remedy="Mend that line; a cell that contains a comma stands in double quotes.",
    )


def _not_utf8(data: bytes, file: str) -> TableUnreadable:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return TableUnreadable(f"{file} is not UTF-8 text (first on line {line}).", remedy=_SAVE_AGAIN)
    raise AssertionError("called for text that is UTF-8")


def _first_lines(data: bytes, file: str, records: int) -> NDArray[np.int64]:
    """The line on which each record starts."""
    ends = data.count(b"\n") or data.count(b"\r")
    lines = ends if data.endswith((b"\n", b"\r")) else ends + 1
    plain: NDArray[np.int64] = np.arange(1, records + 1, dtype=np.int64)
    if lines == records and data.count(b'"') % 2 == 0:
        return plain
    starts, is_open = _scan(data)
    if is_open and _is_open_quote(data, starts[-1]):
        raise TableUnreadable(
            f"{file}: a quote that opens in the record on line {starts[-1]} is never closed.",
            remedy="Close it; a double quote inside a quoted cell is written twice.",
        )
    return np.array(starts, dtype=np.int64) if len(starts) == records else plain


def _scan(data: bytes) -> tuple[list[int], bool]:
    """The line on which each record starts, and whether a quote is open at the end."""
    starts, is_open = [], False
    for number, line in enumerate(data.splitlines(), start=1):
        if line and not is_open:
            starts.append(number)
        if line.count(b'"') % 2:
            is_open = not is_open
    return starts, is_open


def _is_open_quote(data: bytes, line: int) -> bool:
    """Whether the last record, from `line` on, really ends within quotes: a quote inside a bare cell is just text."""
    tail = b"".join(data.splitlines(keepends=True)[line - 1 :]).decode()
    try:
        list(csv.reader(io.StringIO(tail, newline=""), strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


_SAVE_AGAIN = "Save it as CSV (UTF-8, commas) or as Parquet."
