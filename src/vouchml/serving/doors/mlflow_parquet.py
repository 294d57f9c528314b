"""Parquet bodies of MLflow's scoring protocol, into rows in the contract's order.

A few bytes of Parquet can stand for gigabytes, so names, types and the number of rows are judged by the file's
footer, and then only the columns of the contract are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vouchml.errors import BodyMalformed, DependencyMissing, InvalidFeature
from vouchml.model.request import breach
from vouchml.model.strict_json import FIRST_INEXACT
from vouchml.serving.doors.mlflow_tables import Decoded, TableRules, check_columns, require_rows, table_rows

_INDEX_OF_PANDAS = "__index_level_"


def from_parquet(body: bytes, rules: TableRules) -> Decoded:
    """The rows of a Parquet file whose columns are integers or floating-point numbers, without nulls.

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
        _require_numbers(file.schema_arrow, names)
        require_rows(file.metadata.num_rows, rules)
        table = file.read(columns=list(names))
    except (pa.ArrowException, OSError):
        raise BodyMalformed("The body is not a complete Parquet file.") from None
    if not any(column.null_count for column in table.columns):
        stacked = [np.asarray(table.column(name).to_numpy(), dtype=np.float64) for name in names]
        rows = np.ascontiguousarray(np.stack(stacked, axis=1))
        if rows.max() < FIRST_INEXACT and rows.min() > -FIRST_INEXACT:
            return Decoded(rows, passed_over)
    # Something to look at cell by cell: nulls, what is not finite, integers that may not fit.
    data = list(zip(*(table.column(name).to_pylist() for name in names), strict=True))
    return Decoded(table_rows(names, data, rules, place="row").rows, passed_over)


def _require_numbers(schema: Any, names: tuple[str, ...]) -> None:
    import pyarrow as pa

    kinds = {name: schema.field(name).type for name in names}
    invalid = [
        InvalidFeature(name, "must be a column of integers or floating-point numbers")
        for name, kind in kinds.items()
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind))
    ]
    if invalid:
        raise breach([], [], invalid)
