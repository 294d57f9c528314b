"""The tables of MLflow's scoring protocol: JSON in four forms, CSV and Parquet, into rows in the contract's order.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally ("Local inference server specification"). Where
MLflow guesses this refuses: columns that the model does not know (MLflow drops them), text and booleans for numbers
(it casts them), integers that float64 cannot hold (it wraps or rounds them), a key named twice (it takes the last).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from vouchml.errors import BodyMalformed, ContractBreach, DependencyMissing, InvalidFeature
from vouchml.model import Contract
from vouchml.model.request import BREACHES_LISTED, breach, decode_records
from vouchml.model.strict_json import FIRST_INEXACT, listed, number, parse_json

FORMATS: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, eq=False)
class Decoded:
    """Rows, shape (rows, features), and how many columns were passed over."""

    rows: NDArray[np.float64]
    passed_over: int = 0


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    data: list[list[float]]


class _SplitBody(msgspec.Struct, forbid_unknown_fields=True):
    dataframe_split: _Split


_decode_split: Final = msgspec.json.Decoder(_SplitBody).decode


def from_json(body: bytes, contract: Contract, *, lenient: bool) -> Decoded:
    """The rows of a JSON body with exactly one of `FORMATS`.

    Raises:
        BodyMalformed, ContractBreach: it is not JSON, has another shape, or does not fit the contract.
    """
    rows = _quickly(body, contract)
    return Decoded(rows) if rows is not None else _carefully(body, contract, lenient=lenient)


def _quickly(body: bytes, contract: Contract) -> NDArray[np.float64] | None:
    """A `dataframe_split` without anything odd; None when there is something to look at. See `model.decoder`."""
    try:
        table = _decode_split(body).dataframe_split
        rows = np.array(table.data, dtype=np.float64)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    names = contract.feature_names
    order = {name: position for position, name in enumerate(table.columns)}
    # Three keys and every column take two quotes each; more means a key that is named twice, or an odd name.
    plain = body.count(b'"') == 6 + 2 * len(table.columns) and len(order) == len(table.columns) == len(names)
    if not plain or rows.ndim != 2 or rows.shape[1] != len(names) or not all(name in order for name in names):
        return None
    if not (rows.max() < FIRST_INEXACT and rows.min() > -FIRST_INEXACT):
        return None
    return rows if tuple(table.columns) == names else np.ascontiguousarray(rows[:, [order[name] for name in names]])


def _carefully(body: bytes, contract: Contract, *, lenient: bool) -> Decoded:
    document = parse_json(body, (*contract.feature_names, *FORMATS, "params", "columns", "data", "index"))
    given = [name for name in FORMATS if isinstance(document, dict) and name in document]
    if not isinstance(document, dict) or len(given) != 1:
        raise ContractBreach(f"The body must be a JSON object with exactly one of {', '.join(FORMATS)}.")
    if document.get("params"):
        raise ContractBreach("This model takes no params.", extra=["params"])
    unknown = [name for name in document if name not in (given[0], "params")]
    if unknown:
        raise ContractBreach(f"Beside '{given[0]}' the body may have nothing else.", extra=listed(unknown))
    value = document[given[0]]
    if given[0] == "dataframe_split":
        return _of_split(value, contract, lenient=lenient)
    if isinstance(value, dict) and given[0] == "inputs":
        return _of_columns(value, contract, lenient=lenient)
    return _of_records(value, contract, place=given[0], lenient=lenient)


def _of_split(table: Any, contract: Contract, *, lenient: bool) -> Decoded:
    fields: dict[str, Any] = table if isinstance(table, dict) else {}
    columns, data = fields.get("columns"), fields.get("data")
    are_lists = isinstance(columns, list) and isinstance(data, list)
    if not are_lists or not fields.keys() <= {"columns", "data", "index"} or not _are_names(columns):
        raise ContractBreach("'dataframe_split' must be an object with 'columns' and 'data', and may have 'index'.")
    return table_rows(list(columns or ()), list(data or ()), contract, place="dataframe_split.data", lenient=lenient)


def _are_names(columns: Any) -> bool:
    return all(isinstance(name, str) for name in columns)


def _of_columns(columns: Mapping[str, Any], contract: Contract, *, lenient: bool) -> Decoded:
    lists = [cells for cells in columns.values() if isinstance(cells, list)]
    if not lists:  # one row, as an object of numbers
        return _of_records([columns], contract, place="inputs", lenient=lenient)
    if len(lists) != len(columns) or len({len(cells) for cells in lists}) != 1:
        raise ContractBreach("'inputs' must give every column the same number of rows.")
    # Cells of shape [rows, 1] are what clients of a numpy array a column send.
    flat = [[cell[0] if isinstance(cell, list) and len(cell) == 1 else cell for cell in cells] for cells in lists]
    return table_rows(list(columns), list(zip(*flat, strict=True)), contract, place="inputs", lenient=lenient)


def _of_records(records: Any, contract: Contract, *, place: str, lenient: bool) -> Decoded:
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        raise ContractBreach(
            f"'{place}' must be an array of objects: rows without column names are not taken.",
            remedy="Send dataframe_split, which names its columns.",
        )
    passed_over = 0
    if lenient:
        known = set(contract.feature_names)
        passed_over = sum(len(record.keys() - known) for record in records)
        records = [{name: cell for name, cell in record.items() if name in known} for record in records]
    return Decoded(decode_records(records, contract, place=place), passed_over)


def from_csv(body: bytes, contract: Contract, *, lenient: bool) -> Decoded:
    """The rows of CSV in UTF-8 with a header, every cell a decimal number.

    Raises:
        BodyMalformed, ContractBreach: it is not CSV, or does not fit the contract.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        columns = next(lines, [])
        data = [line for line in lines if line]
    except UnicodeDecodeError:
        raise BodyMalformed("The body is not UTF-8.", remedy="Send CSV encoded as UTF-8.") from None
    except csv.Error:
        raise BodyMalformed("The body is not CSV.", remedy="Send commas, and double quotes around odd names.") from None
    cells = [[_csv_number(cell) for cell in line] for line in data]
    return table_rows(columns, cells, contract, place="row", lenient=lenient)


def _csv_number(cell: str) -> Any:
    text = cell.strip(" ")
    if _WHOLE.fullmatch(text) and len(text) <= 400:
        return int(text)
    # What is no number stays text, and is refused as such.
    return float(text) if _NUMBER.fullmatch(text) else cell


def from_parquet(body: bytes, contract: Contract, *, lenient: bool) -> Decoded:
    """The rows of a Parquet file whose columns are numbers without nulls.

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
    try:
        table = parquet.ParquetFile(pa.BufferReader(body)).read()
    except (pa.ArrowException, OSError):
        raise BodyMalformed("The body is not a complete Parquet file.") from None
    columns = [name for name in table.column_names if not name.startswith("__index_level_")]
    numeric = [kind for kind in table.schema.types if pa.types.is_floating(kind) or pa.types.is_integer(kind)]
    if len(numeric) == len(table.schema.types) and not any(column.null_count for column in table.columns):
        exact = _parquet_matrix(table, columns, contract)
        if exact is not None:
            return Decoded(exact)
    data = list(zip(*(table.column(name).to_pylist() for name in columns), strict=True)) if columns else []
    return table_rows(columns, data, contract, place="row", lenient=lenient)


def _parquet_matrix(table: Any, columns: Sequence[str], contract: Contract) -> NDArray[np.float64] | None:
    """All of it at once, when the columns are the contract's and every number is finite and exact."""
    names = contract.feature_names
    if len(columns) != len(names) or set(columns) != set(names) or not table.num_rows:
        return None
    stacked = [np.asarray(table.column(name).to_numpy(), dtype=np.float64) for name in names]
    rows = np.ascontiguousarray(np.stack(stacked, axis=1))
    return rows if rows.max() < FIRST_INEXACT and rows.min() > -FIRST_INEXACT else None


def table_rows(
    columns: Sequence[str], data: Sequence[Any], contract: Contract, *, place: str, lenient: bool
) -> Decoded:
    """The rows of a table that names its columns once.

    Raises:
        BodyMalformed: a column is named twice.
        ContractBreach: a column is missing or extra, a row has more or fewer cells, or a cell is no number.
    """
    names = contract.feature_names
    position = {name: index for index, name in enumerate(columns)}
    if len(position) != len(columns):
        raise BodyMalformed("A column is named twice.", remedy="Name every column once.")
    missing = [name for name in names if name not in position]
    known = set(names)
    extra = [name for name in columns if name not in known]
    if missing or (extra and not lenient):
        raise breach(missing, listed(extra), [])
    if not data:
        raise ContractBreach("The body has no rows.")
    rows = np.empty((len(data), len(names)))
    invalid: list[InvalidFeature] = []
    for index, row in enumerate(data):
        if not isinstance(row, list | tuple) or len(row) != len(columns):
            invalid.append(InvalidFeature(f"{place}[{index}]", f"must have {len(columns)} cells, one a column"))
            continue
        numbers = [number(row[position[name]]) for name in names]
        wrong = list(_wrong(numbers, names, f"{place}[{index}]"))
        invalid += wrong
        if len(invalid) > BREACHES_LISTED:
            break
        if not wrong:
            rows[index] = numbers
    if invalid:
        raise breach([], [], invalid)
    return Decoded(rows, len(extra) * len(data))


def _wrong(numbers: Iterable[float | str], names: Sequence[str], where: str) -> Iterable[InvalidFeature]:
    for name, cell in zip(names, numbers, strict=True):
        if isinstance(cell, str):
            yield InvalidFeature(f"{where}.{name}", cell)
