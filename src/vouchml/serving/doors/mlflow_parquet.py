"""Parquet bodies of MLflow's scoring protocol, into rows in the contract's order.

A few bytes of Parquet can stand for gigabytes, so names, types and the number of rows are judged by the file's
footer, and then only the columns of the contract are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vouchml.errors import BodyMalformed, DependencyMissing, InvalidFeature
from vouchml.model import Feature
from vouchml.model.request import breach
from vouchml.model.strict_json import FIRST_INEXACT
from vouchml.serving.doors.mlflow_tables import Decoded, TableRules, check_columns, require_rows, table_rows

_INDEX_OF_PANDAS = "__index_level_"
_NUMBERS = "integers or floating-point numbers"
_TEXTS = "texts"


def from_parquet(body: bytes, rules: TableRules) -> Decoded:
    """The rows of a Parquet file whose columns are numbers or, where the contract has categories, texts.

    Raises:
        DependencyMissing: pyarrow is not installed.
        BodyMalformed, ContractBreach: it is not Parquet, or does not fit the contract.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise DependencyMissing(
            "Parquet needs the package pyarrow, which is not installed where this service runs.",
            remedy="pip install 'vouchml[parquet]', or send JSON or CSV.",
        ) from error
    names = rules.contract.feature_names
    known = set(names)
    try:
        file = parquet.ParquetFile(pa.BufferReader(body))
        columns = [name for name in file.schema_arrow.names if name in known or not name.startswith(_INDEX_OF_PANDAS)]
        passed_over = check_columns(columns, rules)
        _require_types(file.schema_arrow, rules.contract.features)
        require_rows(file.metadata.num_rows, rules)
        table = file.read(columns=list(names))
    except (pa.ArrowException, OSError):
        raise BodyMalformed("The body is not a complete Parquet file.") from None
    if not (rules.contract.has_categories or any(column.null_count for column in table.columns)):
        stacked = [np.asarray(table.column(name).to_numpy(), dtype=np.float64) for name in names]
        rows = np.ascontiguousarray(np.stack(stacked, axis=1))
        if rows.max() < FIRST_INEXACT and rows.min() > -FIRST_INEXACT:
            return Decoded(rows, passed_over)
    # Something to look at cell by cell: texts, nulls, what is not finite, integers that may not fit.
    columns_of_cells = [_cells(table.column(feature.name), feature) for feature in rules.contract.features]
    data = list(zip(*columns_of_cells, strict=True))
    return Decoded(table_rows(names, data, rules, place="row").rows, passed_over)


def _cells(column: Any, feature: Feature) -> list[Any]:
    """The cells as JSON would have them; in a table a number that is missing is NaN as often as it is null."""
    cells: list[Any] = column.to_pylist()
    if feature.nullable and feature.categories is None:
        return [None if cell != cell else cell for cell in cells]  # noqa: PLR0124 - NaN alone differs from itself
    return cells


def _require_types(schema: Any, features: Sequence[Feature]) -> None:
    invalid = [
        InvalidFeature(feature.name, f"must be a column of {_NUMBERS if feature.categories is None else _TEXTS}")
        for feature in features
        if not _may_hold(schema.field(feature.name).type, feature)
    ]
    if invalid:
        raise breach([], [], invalid)


def _may_hold(kind: Any, feature: Feature) -> bool:
    from pyarrow import types

    if types.is_null(kind):  # a column without any value
        return feature.nullable
    if feature.categories is None:
        return bool(types.is_integer(kind) or types.is_floating(kind))
    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
