"""Columns that are declared to hold categories: a text for each cell, and the place of each text in a sorted list.

A whole number is the text of its digits, a boolean `true` or `false`. A column of numbers has lost how they were
spelled, so `1`, `1.0` and `01` are one category there, as they are one number everywhere in vouchml.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vouchml.data.column import Column
from vouchml.data.findings import Finding, capped
from vouchml.data.source import Source

#: Each category is a column for the classifier; more of them are an identifier, or text to read.
MOST_CATEGORIES = 1_000


def category_findings(source: Source, columns: Sequence[Column]) -> list[Finding]:
    """All that is wrong with the cells of columns of categories, but for missing ones."""
    odd = [(column, rows) for column in columns if len(rows := _odd_rows(column))]
    counts = [(column, len(_distinct(column))) for column in columns if not len(_odd_rows(column))]
    return [
        *capped([_odd(source, column, rows) for column, rows in odd], "have such cells"),
        *capped([_too_many(column, count) for column, count in counts if count > MOST_CATEGORIES], "have as many"),
        *capped([_one_only(column) for column, count in counts if _is_constant(column, count)], "are constant"),
    ]


def encode(column: Column) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The place of each cell's category, NaN where it is missing, and the categories; for a column without findings."""
    categories = sorted(_distinct(column))
    places = np.full(len(column), np.nan)
    present = ~column.missing
    if column.kind == "text":
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.index_in(column.texts, value_set=pa.array(categories, type=pa.large_string()))
        places[present] = found.drop_null().to_numpy()
        return places, tuple(categories)
    numbers = _distinct_numbers(column)
    place = {text: place for place, text in enumerate(categories)}
    place_of_number = np.array([place[_text(column, number)] for number in numbers.tolist()], dtype=np.float64)
    places[present] = place_of_number[np.searchsorted(numbers, column.numbers[present])]
    return places, tuple(categories)


def _distinct(column: Column) -> list[str]:
    if column.kind == "text":
        return [str(text) for text in column.texts.drop_null().unique().to_pylist()]
    return [_text(column, number) for number in _distinct_numbers(column).tolist()]


def _distinct_numbers(column: Column) -> NDArray[np.float64]:
    return np.unique(column.numbers[~column.missing])


def _text(column: Column, number: float) -> str:
    return ("false", "true")[int(number)] if column.kind == "boolean" else str(int(number))


def _odd_rows(column: Column) -> NDArray[np.intp]:
    """The rows whose cell is no name of a category: blanks, a fraction or an infinity."""
    if column.kind == "text":
        import pyarrow.compute as pc

        blank = pc.equal(pc.utf8_trim_whitespace(column.texts), "")
        return np.flatnonzero(pc.fill_null(blank, False).to_numpy(zero_copy_only=False))
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(~column.missing & (np.floor(column.numbers) != column.numbers) | np.isinf(column.numbers))


def _is_constant(column: Column, count: int) -> bool:
    return count == 1 and len(column) > 1 and not column.missing.any()


def _odd(source: Source, column: Column, rows: NDArray[np.intp]) -> Finding:
    noun = "blank cell" if column.kind == "text" else "number"
    what = source.count(rows, noun, "" if column.kind == "text" else " with a fraction")
    return Finding(f"column {column.name!r} holds categories and has {what}", columns=(column.name,))


def _too_many(column: Column, count: int) -> Finding:
    what = f"holds {count} categories; vouchml takes {MOST_CATEGORIES}"
    return Finding(f"column {column.name!r} {what}", columns=(column.name,))


def _one_only(column: Column) -> Finding:
    return Finding(f"column {column.name!r} has the same value in every row", columns=(column.name,))
