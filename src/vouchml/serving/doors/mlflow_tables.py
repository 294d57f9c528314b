"""The tables of MLflow's scoring protocol: JSON in four forms and CSV, into rows in the contract's order.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally ("Local inference server specification"). Where
MLflow guesses this refuses: columns that the model does not know (MLflow drops them), text and booleans for numbers
(it casts them), integers that float64 cannot hold (it wraps or rounds them), a key named twice (it takes the last),
lines without a cell (it skips them). `mlflow_parquet` reads Parquet. Where the contract has nulls, an empty cell of CSV
is one, and so is the bare `NaN` that MLflow's client writes for one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from vouchml.errors import BodyMalformed, ContractBreach, InvalidFeature
from vouchml.model import Contract, Feature
from vouchml.model.cells import encoders
from vouchml.model.long_json import PIECE, Limits
from vouchml.model.request import BREACHES_LISTED, breach, decode_records
from vouchml.model.strict_json import FIRST_INEXACT, listed, parse_json

FORMATS: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_QUOTES_AROUND_KEYS: Final = 6
COLUMNS_BESIDE: Final = 10_000


@dataclass(frozen=True, eq=False)
class TableRules:
    """What a table must fit. With `lenient`, columns that the contract does not have are passed over."""

    contract: Contract
    max_rows: int
    lenient: bool = False


@dataclass(frozen=True, eq=False)
class Decoded:
    """Rows, shape (rows, features), and how many columns were passed over."""

    rows: NDArray[np.float64]
    passed_over: int = 0


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    data: list[list[float]]
    index: list[int] | msgspec.UnsetType = msgspec.UNSET


class _SplitBody(msgspec.Struct, forbid_unknown_fields=True):
    dataframe_split: _Split


_decode_split: Final = msgspec.json.Decoder(_SplitBody).decode


def from_json(body: bytes, rules: TableRules) -> Decoded:
    """The rows of a JSON body with exactly one of `FORMATS`.

    Raises:
        BodyMalformed, ContractBreach: it is not JSON, has another shape, or does not fit the contract.
    """
    rows = _quickly(body, rules)
    return Decoded(rows) if rows is not None else _carefully(body, rules)


def _quickly(body: bytes, rules: TableRules) -> NDArray[np.float64] | None:
    """A `dataframe_split` without anything odd; None when there is something to look at. See `model.decoder`."""
    # A number in the place of a category would be taken for the category's place.
    if rules.contract.has_categories or (len(body) > PIECE and not _may_be_plain(body, rules)):
        return None
    try:
        table = _decode_split(body).dataframe_split
        rows = np.array(table.data, dtype=np.float64)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    names, quotes = rules.contract.feature_names, _QUOTES_AROUND_KEYS + 2 * len(table.columns)
    if table.index is not msgspec.UNSET:
        quotes += 2
        if len(table.index) != len(table.data):
            return None
    order = {name: position for position, name in enumerate(table.columns)}
    # Every key and every column takes two quotes each; more means a key that is named twice, or an odd name.
    plain = body.count(b'"') == quotes and len(order) == len(table.columns) == len(names)
    if not plain or rows.ndim != 2 or rows.shape[1] != len(names) or len(rows) > rules.max_rows:
        return None
    if not all(name in order for name in names) or not (rows.max() < FIRST_INEXACT and rows.min() > -FIRST_INEXACT):
        return None
    return rows if tuple(table.columns) == names else np.ascontiguousarray(rows[:, [order[name] for name in names]])


def _may_be_plain(body: bytes, rules: TableRules) -> bool:
    """Whether a long body has no more rows, cells and names than a table can: decoding it keeps others waiting."""
    marks = np.frombuffer(body, dtype=np.uint8)
    names = rules.contract.feature_names
    arrays, commas, quotes = (
        int(np.count_nonzero(marks == ord(mark))) - sum(name.count(mark) for name in names) for mark in '[,"'
    )
    return (
        arrays <= rules.max_rows + 3
        and commas <= (arrays + 1) * (len(names) + 1) + len(FORMATS)
        and quotes <= 2 * len(names) + _QUOTES_AROUND_KEYS + 2
    )


def _carefully(body: bytes, rules: TableRules) -> Decoded:
    known = (*rules.contract.feature_names, *FORMATS, "params", "columns", "data", "index")
    limits = Limits(rules.max_rows, len(rules.contract.features))
    document = parse_json(body, known, limits, nan_is_null=rules.contract.has_nulls)
    given = [name for name in FORMATS if isinstance(document, dict) and name in document]
    if not isinstance(document, dict) or len(given) != 1:
        raise ContractBreach(f"The body must be a JSON object with exactly one of {', '.join(FORMATS)}.")
    if document.get("params") not in (None, {}):
        raise ContractBreach("This model takes no params.", extra=["params"])
    unknown = [name for name in document if name not in (given[0], "params")]
    if unknown:
        raise ContractBreach(f"Beside '{given[0]}' the body may have nothing else.", extra=listed(unknown))
    value = document[given[0]]
    if given[0] == "dataframe_split":
        return _of_split(value, rules)
    if isinstance(value, dict) and given[0] == "inputs":
        return _of_columns(value, rules)
    return _of_records(value, rules, place=given[0])


def _of_split(table: Any, rules: TableRules) -> Decoded:
    fields: dict[str, Any] = table if isinstance(table, dict) else {}
    columns, data = fields.get("columns"), fields.get("data")
    if (
        not (isinstance(columns, list) and isinstance(data, list))
        or not fields.keys() <= {"columns", "data", "index"}
        or not all(isinstance(name, str) for name in columns)
    ):
        raise ContractBreach("'dataframe_split' must be an object with 'columns' and 'data', and may have 'index'.")
    if not _is_index(fields.get("index"), len(data)):
        raise ContractBreach("'index' must be an array with a text or a number for each row of 'data'.")
    return table_rows(columns, data, rules, place="dataframe_split.data")


def _is_index(index: Any, rows: int) -> bool:
    """Whether this is an index of so many rows, or none; pandas would repeat rows to fit another."""
    if index is None:
        return True
    return isinstance(index, list) and len(index) == rows and not any(isinstance(entry, list | dict) for entry in index)


def _of_columns(columns: Mapping[str, Any], rules: TableRules) -> Decoded:
    lists = [cells for cells in columns.values() if isinstance(cells, list)]
    if not lists:  # one row, as an object of cells
        return _of_records([columns], rules, place="inputs")
    if len(lists) != len(columns) or len({len(cells) for cells in lists}) != 1:
        raise ContractBreach("'inputs' must give every column the same number of rows.")
    check_columns(list(columns), rules)
    require_rows(len(lists[0]), rules)
    return table_rows(list(columns), list(zip(*map(_flat, lists), strict=True)), rules, place="inputs")


def _flat(cells: list[Any]) -> list[Any]:
    """The cells of a column: of shape [rows, 1] too, as clients of a numpy array a column send it; not some of each."""
    flat = [cell[0] for cell in cells if isinstance(cell, list) and len(cell) == 1]
    return flat if len(flat) == len(cells) else cells


def _of_records(records: Any, rules: TableRules, *, place: str) -> Decoded:
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ContractBreach(
            f"'{place}' must be an array of objects: rows without column names are not taken.",
            remedy="Send dataframe_split, which names its columns.",
        )
    require_rows(len(records), rules)
    passed_over: set[str] = set()
    if rules.lenient:
        known = set(rules.contract.feature_names)
        passed_over = {name for record in records for name in record} - known
        records = [{name: cell for name, cell in record.items() if name in known} for record in records]
    return Decoded(decode_records(records, rules.contract, place=place), len(passed_over))


def from_csv(body: bytes, rules: TableRules) -> Decoded:
    """The rows of CSV in UTF-8 with a header, every cell a decimal number.

    Raises:
        BodyMalformed, ContractBreach: it is not CSV, or does not fit the contract.
    """
    try:
        lines = csv.reader(_lines(body.decode("utf-8-sig"), most=_most_columns(rules)), strict=True)
        columns = next(lines, [])
        data = list(islice(lines, rules.max_rows + 1))
    except UnicodeDecodeError:
        raise BodyMalformed("The body is not UTF-8.", remedy="Send CSV encoded as UTF-8.") from None
    except csv.Error:
        raise BodyMalformed("The body is not CSV.", remedy="Send commas, and double quotes around odd names.") from None
    features = {feature.name: feature for feature in rules.contract.features}
    categories = {text for feature in features.values() for text in feature.categories or ()}
    if any(name not in features and (name in categories or not isinstance(_csv_number(name), str)) for name in columns):
        # Not listed as columns that are too many: they are the values of a row.
        raise ContractBreach("The first line must name the columns, and holds values.")
    readers = [_csv_reader(features.get(name)) for name in columns]
    cells = [
        [read(cell) for read, cell in zip(readers, line, strict=True)] if len(line) == len(columns) else line
        for line in data
    ]
    return table_rows(columns, cells, rules, place="row")


def _lines(text: str, *, most: int) -> Iterator[str]:
    """The lines of CSV, each handed over by itself, so that others get their turn between two.

    Raises:
        ContractBreach: one has more columns than any table that fits.
    """
    for line in io.StringIO(text, newline=""):
        if len(line) > most and line.count(",") > most:
            raise ContractBreach(f"A line has more than {most} cells.")
        yield line


def _csv_reader(feature: Feature | None) -> Callable[[str], int | float | str | None]:
    """What reads the cells of one column; None for one that is passed over."""
    read = _csv_number if feature is None or feature.categories is None else str
    if feature is None or not feature.nullable:
        return read
    return lambda cell: None if cell == "" else read(cell)


def _csv_number(cell: str) -> int | float | str:
    text = cell.strip(" ")
    if _WHOLE.fullmatch(text) and len(text) <= 400:
        return int(text)
    # What is no number stays text, and is refused as such.
    return float(text) if _NUMBER.fullmatch(text) else cell


def table_rows(columns: Sequence[str], data: Sequence[Any], rules: TableRules, *, place: str) -> Decoded:
    """The rows of a table that names its columns once.

    Raises:
        BodyMalformed: a column is named twice.
        ContractBreach: a column is missing or extra, a row has more or fewer cells, or a cell is not of its column.
    """
    names = rules.contract.feature_names
    extra = check_columns(columns, rules)
    require_rows(len(data), rules)
    position = {name: index for index, name in enumerate(columns)}
    encoded = [(position[name], encode) for name, encode in zip(names, encoders(rules.contract), strict=True)]
    rows = np.empty((len(data), len(names)))
    invalid: list[InvalidFeature] = []
    for index, row in enumerate(data):
        if not isinstance(row, list | tuple) or len(row) != len(columns):
            invalid.append(InvalidFeature(f"{place}[{index}]", f"must have {len(columns)} cells, one a column"))
            if len(invalid) > BREACHES_LISTED:
                break
            continue
        numbers = [encode(row[index]) for index, encode in encoded]
        wrong = list(_wrong(numbers, names, f"{place}[{index}]"))
        invalid += wrong
        if len(invalid) > BREACHES_LISTED:
            break
        if not wrong:
            rows[index] = numbers
    if invalid:
        raise breach([], [], invalid)
    return Decoded(rows, extra)


def check_columns(columns: Sequence[str], rules: TableRules) -> int:
    """How many of `columns` are passed over.

    Raises:
        BodyMalformed: a column is named twice.
        ContractBreach: a column is missing, or is extra and may not be, or there are far too many.
    """
    if len(columns) > (most := _most_columns(rules)):
        raise ContractBreach(f"The table has more than {most} columns.")
    given, names = set(columns), rules.contract.feature_names
    if len(given) != len(columns):
        raise BodyMalformed("A column is named twice.", remedy="Name every column once.")
    known = set(names)
    missing = [name for name in names if name not in given]
    extra = [name for name in columns if name not in known]
    if missing or (extra and not rules.lenient):
        raise breach(missing, listed(extra), [])
    return len(extra)


def _most_columns(rules: TableRules) -> int:
    """The most columns that are looked at, of which the contract may know few."""
    return len(rules.contract.feature_names) + COLUMNS_BESIDE


def require_rows(count: int, rules: TableRules) -> None:
    """Refuse a table without rows, or with more than may come at once.

    Raises:
        ContractBreach: see there.
    """
    if not 0 < count <= rules.max_rows:
        raise ContractBreach(f"The request must bring 1 to {rules.max_rows} rows.")


def _wrong(numbers: Iterable[float | str], names: Sequence[str], where: str) -> Iterable[InvalidFeature]:
    for name, cell in zip(names, numbers, strict=True):
        if isinstance(cell, str):
            yield InvalidFeature(f"{where}.{name}", cell)
