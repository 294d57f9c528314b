"""What feature columns must be: numbers, exact in float64, present, finite, and not the same in every row.

A column of booleans is taken as 0 and 1, since the service takes JSON numbers only. `[data] categorical` and
`[data] nullable` say which columns may be otherwise; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from vouchml.data.categories import category_findings
from vouchml.data.column import Column, first_text_row
from vouchml.data.findings import Finding, capped
from vouchml.data.source import Source
from vouchml.settings import DataSettings

_Check = Literal["missing", "infinite", "constant"]


def feature_findings(source: Source, features: Sequence[Column], data: DataSettings) -> list[Finding]:
    """All that is wrong with the feature columns, kind by kind, where `data` does not allow it."""
    categorical = [column for column in features if column.name in data.categorical]
    others = [column for column in features if column.name not in data.categorical]
    numeric = [column for column in others if column.kind != "text"]
    broken = _broken_checks(numeric)
    gaps = [column for column in (*categorical, *broken["missing"]) if column.missing.any()]
    refused = [column for column in gaps if column.name not in data.nullable]
    empty = [column for column in gaps if column.name in data.nullable and column.missing.all()]
    constant = [column for column in broken["constant"] if not _varies_by_gaps(column, data)]
    return [
        *capped([_not_numeric(source, column) for column in others if column.kind == "text"], "are not numeric"),
        *capped([_inexact(source, column) for column in features if column.inexact], "have such integers"),
        *capped([_missing(source, column) for column in refused], "have missing values"),
        *capped([_empty(column) for column in empty], "have no values"),
        *capped([_infinite(source, column) for column in broken["infinite"]], "have infinite values"),
        *capped([_constant(column) for column in constant], "are constant"),
        *category_findings(source, categorical),
    ]


def _varies_by_gaps(column: Column, data: DataSettings) -> bool:
    """Whether it is a difference between rows that the one value of `column` is missing from some."""
    return column.name in data.nullable and bool(column.missing.any())


def _broken_checks(columns: Sequence[Column]) -> dict[_Check, list[Column]]:
    """The columns that break each check, in their order.

    A check looks at a whole column: a failure case for each cell would fill the memory when most cells are missing.
    """
    import pandas as pd
    import pandera.pandas as pandera

    checks = [
        pandera.Check(lambda cells: not cells.isna().any(), name="missing", ignore_na=False),
        pandera.Check(lambda cells: not np.isinf(cells).any(), name="infinite", ignore_na=False),
        pandera.Check(lambda cells: len(cells) == 1 or cells.nunique() != 1, name="constant", ignore_na=False),
    ]
    schema = pandera.DataFrameSchema(
        {column.name: pandera.Column(float, checks, nullable=True) for column in columns}, strict=True
    )
    broken: set[tuple[str, str]] = set()
    try:
        schema.validate(pd.DataFrame({column.name: column.numbers for column in columns}), lazy=True)
    except pandera.errors.SchemaErrors as errors:
        broken = set(zip(errors.failure_cases["check"], errors.failure_cases["column"], strict=True))
    names: tuple[_Check, ...] = ("missing", "infinite", "constant")
    return {check: [column for column in columns if (check, column.name) in broken] for check in names}


def _not_numeric(source: Source, column: Column) -> Finding:
    what = f"is not numeric (first on {source.place(first_text_row(column))})"
    return replace(_finding(column, what), declare="categorical")


def _inexact(source: Source, column: Column) -> Finding:
    return _finding(column, f"has {source.count(column.inexact, 'integer', ' that float64 would round')}")


def _missing(source: Source, column: Column) -> Finding:
    what = f"has {source.count(np.flatnonzero(column.missing), 'missing value')}"
    return replace(_finding(column, what), declare="nullable")


def _empty(column: Column) -> Finding:
    return _finding(column, "has no values")


def _infinite(source: Source, column: Column) -> Finding:
    return _finding(column, f"has {source.count(np.flatnonzero(np.isinf(column.numbers)), 'infinite value')}")


def _constant(column: Column) -> Finding:
    return _finding(column, "has the same value in every row")


def _finding(column: Column, what: str) -> Finding:
    return Finding(f"column {column.name!r} {what}", columns=(column.name,))
