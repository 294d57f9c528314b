"""One column of a table as vouchml understands it, whatever file it came from.

A column holds numbers, booleans or text; a cell may be missing. The kind is a property of the whole column:

- in CSV, a column whose cells are all numbers or missing holds numbers; one whose cells are all `true` or `false`
  (as `true`, `True` or `TRUE`) or missing holds booleans; any other holds text. White space around a number does
  not count, and `MISSING` lists the spellings of a missing number. In text only a blank cell is missing.
- in Parquet, the stored type decides. NaN is a missing number. Dates and times are text, as Arrow writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "Null", "null", "None", "none")
NUMBER = r"(?i)^[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)$"

_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
_FIRST_INEXACT = 2.0**53


@dataclass(frozen=True, eq=False)
class Column:
    """The cells of one column.

    `numbers` holds numbers, and booleans as 0 and 1, with NaN for a missing cell; it is empty for text.
    `texts` is an Arrow string array with nulls for text, and None otherwise.
    `inexact` maps the rows whose integer float64 cannot hold to that integer in decimal; `numbers` is only near there.
    """

    name: str
    kind: Literal["number", "boolean", "text"]
    numbers: NDArray[np.float64]
    texts: Any = None
    inexact: Mapping[int, str] = field(default_factory=dict)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """True where the cell is missing."""
        missing = np.isnan(self.numbers) if self.texts is None else self.texts.is_null().to_numpy(zero_copy_only=False)
        return np.asarray(missing, dtype=np.bool_)

    def __len__(self) -> int:
        return len(self.numbers) if self.texts is None else len(self.texts)


def column_from_csv(name: str, cells: Any) -> Column:
    """Make a column of the strings that stand in a CSV file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.ascii_trim_whitespace(cells)
    known = pc.if_else(pc.is_in(trimmed, value_set=pa.array(MISSING)), None, trimmed)
    try:
        return _numbers(name, pc.cast(known, pa.float64()), written=known)
    except pa.ArrowInvalid:
        pass
    missing = pc.is_null(known)
    if pc.all(pc.or_(missing, pc.is_in(known, value_set=pa.array(_TRUE + _FALSE)))).as_py():
        return _booleans(name, pc.if_else(missing, None, pc.is_in(known, value_set=pa.array(_TRUE))))
    return Column(name, "text", _NO_NUMBERS, texts=_one_array(pc.if_else(pc.equal(trimmed, ""), None, cells)))


def column_from_parquet(name: str, cells: Any) -> Column | None:
    """Make a column of an Arrow column; None when its type has no meaning in a table of numbers and text."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_dictionary(cells.type):
        cells = pc.cast(cells, cells.type.value_type)
    kind = cells.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_null(kind):
        written = cells if types.is_integer(kind) else None
        return _numbers(name, pc.cast(cells, pa.float64(), safe=False), written=written)
    if types.is_decimal(kind):
        written = pc.cast(cells, pa.string())
        return _numbers(name, pc.cast(written, pa.float64()), written=written)
    if types.is_boolean(kind):
        return _booleans(name, cells)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_temporal(kind):
        try:
            return Column(name, "text", _NO_NUMBERS, texts=_one_array(cells))
        except pa.ArrowException:  # a duration, or a time zone that this machine does not know
            return None
    return None


def first_text_row(column: Column) -> int:
    """The first row of a text column whose cell is not a number, else its first cell that is not missing."""
    import pyarrow.compute as pc

    numeric = pc.match_substring_regex(pc.ascii_trim_whitespace(column.texts), NUMBER)
    present = ~column.missing
    text = present & ~np.asarray(pc.fill_null(numeric, False).to_numpy(zero_copy_only=False), dtype=np.bool_)
    return int(np.argmax(text)) if text.any() else int(np.argmax(present))


_NO_NUMBERS: NDArray[np.float64] = np.empty(0)


def _numbers(name: str, floats: Any, *, written: Any) -> Column:
    numbers = np.asarray(floats.to_numpy(), dtype=np.float64) + 0.0  # makes -0 the 0 that it equals
    return Column(name, "number", numbers, inexact={} if written is None else _inexact(numbers, written))


def _booleans(name: str, ones: Any) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    return Column(name, "boolean", np.asarray(pc.cast(pc.cast(ones, pa.uint8()), pa.float64()).to_numpy()))


def _inexact(numbers: NDArray[np.float64], written: Any) -> dict[int, str]:
    """The integers among `written` that `numbers` does not hold exactly; exponents say that a float was meant."""
    large = np.flatnonzero(np.abs(numbers) >= _FIRST_INEXACT)
    inexact = {}
    for row, cell in zip(large.tolist(), written.take(large).to_pylist(), strict=True):
        text = str(cell)
        if _WHOLE.fullmatch(text):
            integer = int(text.partition(".")[0])
            if not np.isfinite(numbers[row]) or int(numbers[row]) != integer:
                inexact[row] = str(integer)
    return inexact


def _one_array(cells: Any) -> Any:
    import pyarrow as pa

    cells = cells.cast(pa.large_string())
    return cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
