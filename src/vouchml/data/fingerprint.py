"""The content hash of a table: one SHA-256 that does not depend on how the table is spelled.

`1`, `1.0`, `1.00` and `1e0`, `0` and `-0`, LF and CRLF, quoted and bare cells, CSV and Parquet, integers and floats
give the same hash. A changed cell, column name, column order or row order gives another one.
It covers every column of the file, also those that `[data] exclude` leaves out, and every row.

The hash is SHA-256 over these bytes. Integers are unsigned, 64 bits; they and the floats are little-endian.

1. `vouchml table v1` and a line feed, in ASCII.
2. The number of columns; the number of rows.
3. For each column, in the order of the file:
    1. the length of its name in bytes; its name in UTF-8;
    2. for each row, one byte that tags the cell: 0 missing, 1 number, 2 integer, 3 text, 4 boolean;
    3. for each cell with tag 1, in the order of the rows: an IEEE 754 binary64, never NaN and never -0;
    4. for each cell with tag 2 or 3, in the order of the rows: the length of its text in bytes;
    5. the texts of those cells, in UTF-8, one after the other;
    6. for each cell with tag 4, in the order of the rows: one byte, 1 for true and 0 for false.

What a cell is:

- Missing: a null; a NaN; in a CSV column of numbers or booleans one of the spellings in `column.MISSING`; in a CSV
  column of text a cell that is blank.
- Number: the binary64 nearest to what is written. In CSV a column holds numbers when each of its cells that is not
  missing is a decimal number such as `12`, `+1.50`, `.5` or `1e-3`, or `inf`, `infinity` or `nan` in any case and with
  any sign; white space around it does not count.
- Integer: written without an exponent, and not exactly a binary64. Its text is decimal: no `+`, no leading zeros.
- Boolean: in CSV a cell of a column that holds only `true`, `True`, `TRUE`, `false`, `False`, `FALSE` or missing cells.
- Text: any other cell, exactly as it stands between its quotes; dates and times of Parquet as Arrow casts them to text.

Each part's length follows from the parts before it, so two tables that differ never give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouchml.data.column import Column

DOMAIN = b"vouchml table v1\n"

_MISSING, _NUMBER, _INTEGER, _TEXT, _BOOLEAN = range(5)
_TAG_OF_KIND = {"number": _NUMBER, "text": _TEXT, "boolean": _BOOLEAN}


def content_sha256(columns: Sequence[Column]) -> str:
    """The content hash of a table with these columns, as 64 hexadecimal characters."""
    rows = len(columns[0]) if columns else 0
    digest = hashlib.sha256(DOMAIN)
    digest.update(_lengths([len(columns), rows]))
    for column in columns:
        name = column.name.encode()
        digest.update(_lengths([len(name)]))
        digest.update(name)
        _hash_cells(digest, column)
    return digest.hexdigest()


def _hash_cells(digest: Any, column: Column) -> None:
    tags = np.where(column.missing, _MISSING, _TAG_OF_KIND[column.kind]).astype(np.uint8)
    tags[list(column.inexact)] = _INTEGER
    digest.update(tags)
    if column.kind == "number":
        digest.update(column.numbers[tags == _NUMBER].astype("<f8"))
        _hash_texts(digest, [text.encode() for _, text in sorted(column.inexact.items())])
    elif column.kind == "text":
        _hash_arrow_texts(digest, column.texts.drop_null())
    else:
        digest.update(column.numbers[tags == _BOOLEAN].astype(np.uint8))


def _hash_texts(digest: Any, texts: list[bytes]) -> None:
    digest.update(_lengths([len(text) for text in texts]))
    digest.update(b"".join(texts))


def _hash_arrow_texts(digest: Any, texts: Any) -> None:
    """Hash a large string array without nulls straight from its buffers: offsets, then UTF-8."""
    if not len(texts):
        return
    _, offset_buffer, utf8 = texts.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    digest.update(_lengths(np.diff(offsets)))
    if utf8 is not None:
        digest.update(memoryview(utf8)[offsets[0] : offsets[-1]])


def _lengths(lengths: Sequence[int] | NDArray[np.integer[Any]]) -> bytes:
    return np.asarray(lengths, dtype="<u8").tobytes()
