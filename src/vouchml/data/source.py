"""The file of a table, read once: its bytes' SHA-256, its columns, and where a person finds each row."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vouchml.data.column import Column, column_from_parquet
from vouchml.data.csv_file import read_csv
from vouchml.errors import TableUnreadable

_PARQUET_MAGIC = b"PAR1"
_CHECK_PATH = "Check [data] path in vouch.toml."


@dataclass(frozen=True, eq=False)
class Source:
    """All columns of a file, before anything is left out.

    `row_numbers` are the rows as a person counts them: the line of a CSV file, where the header is usually line 1;
    in Parquet the row, counted from 1.
    """

    file: str
    columns: tuple[Column, ...]
    row_word: Literal["line", "row"]
    row_numbers: NDArray[np.int64]
    bytes_sha256: str

    def place(self, row: int) -> str:
        """Where data row `row` (from 0) stands, such as `line 12`."""
        return f"{self.row_word} {self.row_numbers[row]}"

    def count(self, rows: Collection[int] | NDArray[np.int64], noun: str, of_a_kind: str = "") -> str:
        """How many cells stand on the ascending `rows`, and where the first does: `3 zeros (first on line 7)`."""
        first = self.place(int(next(iter(rows))))
        return f"{len(rows)} {noun}{'' if len(rows) == 1 else 's'}{of_a_kind} (first on {first})"


def read_source(path: Path) -> Source:
    """Read a CSV or Parquet file; its first bytes say which of the two it is.

    Raises:
        TableUnreadable: there is no such file, it cannot be opened, it is empty, or it is neither CSV nor Parquet.
    """
    file = _name(path)
    data = _bytes(path, file)
    digest = hashlib.sha256(data).hexdigest()
    if data.startswith(_PARQUET_MAGIC):
        columns, rows = _parquet(data, file)
        return Source(file, columns, "row", np.arange(1, rows + 1, dtype=np.int64), digest)
    if path.suffix.lower() in (".parquet", ".pq"):
        raise TableUnreadable(f"{file} is not a Parquet file.", remedy="Write it again, or name it .csv if it is CSV.")
    columns, lines = read_csv(data, file)
    return Source(file, columns, "line", lines, digest)


def _name(path: Path) -> str:
    """The file as a person here would write it."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)


def _bytes(path: Path, file: str) -> bytes:
    try:
        if path.is_dir():
            raise TableUnreadable(f"{file} is a folder, not a table.", remedy=_CHECK_PATH)
        if path.exists() and not path.is_file():
            raise TableUnreadable(f"{file} is not a plain file.", remedy=_CHECK_PATH)
        data = path.read_bytes()
    except FileNotFoundError:
        raise TableUnreadable(f"{file} does not exist.", remedy=_CHECK_PATH) from None
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise TableUnreadable(f"{file} cannot be read: {reason}.", remedy="Check its permissions.") from error
    if not data:
        raise TableUnreadable(f"{file} is empty.", remedy=_CHECK_PATH)
    return data


def _parquet(data: bytes, file: str) -> tuple[tuple[Column, ...], int]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # Not `read_table`, which looks columns up by name and so refuses a file that names one twice.
        cells = parquet.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError) as error:
        raise TableUnreadable(
            f"{file} is not a complete Parquet file.", remedy="Write it again, or save it as CSV."
        ) from error
    columns = []
    for name, column in zip(cells.column_names, cells.columns, strict=True):
        made = column_from_parquet(name, column)
        if made is None:
            raise TableUnreadable(
                f"{file}: column {name!r} has the type {column.type}, which is neither a number nor text.",
                remedy="Leave the column out of the file.",
            )
        columns.append(made)
    return tuple(columns), cells.num_rows
