"""A table that can be trained on: checked, fingerprinted, and without the columns and rows that settings leave out.

```python
table = read_table(settings.data_path, settings.data)
table.names, table.values.shape, table.content_sha256
```
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vouchml.data.categories import encode
from vouchml.data.column import Column
from vouchml.data.duplicates import repeated
from vouchml.data.feature_checks import feature_findings
from vouchml.data.findings import table_invalid
from vouchml.data.fingerprint import content_sha256
from vouchml.data.header_checks import header_findings
from vouchml.data.report import DataReport, make_report
from vouchml.data.source import Source, read_source
from vouchml.data.target import target_findings, target_values
from vouchml.settings import DataSettings


@dataclass(frozen=True, eq=False)
class Table:
    """Feature values and targets, row by row; the arrays are read-only.

    `values` holds numbers; for a column of `categories` the place of the category in its list; NaN for a missing value,
    which only the columns of `nullable` have.
    `targets` is int64, or an object array of strings. `row_ids` number the file's data rows from 0; `row_numbers` are
    the same rows as a person finds them: lines of a CSV file (`row_word` is "line"), rows of Parquet counted from 1.
    Both fingerprints cover the whole file, also what `[data] exclude` and `duplicates` leave out.
    """

    file: str
    names: tuple[str, ...]
    values: NDArray[np.float64]
    targets: NDArray[Any]
    target: str
    row_ids: NDArray[np.int64]
    row_numbers: NDArray[np.int64]
    row_word: Literal["line", "row"]
    bytes_sha256: str
    content_sha256: str
    report: DataReport
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nullable: tuple[str, ...] = ()

    def place(self, position: int) -> str:
        """Where the row at `position` stands in the file, such as `line 12`."""
        return f"{self.row_word} {self.row_numbers[position]}"

    def cells(self, position: int) -> dict[str, float | str | None]:
        """The features of the row at `position` by name: numbers, the texts of categories, None for a missing value."""
        return {
            name: None if np.isnan(value) else self.categories[name][int(value)] if name in self.categories else value
            for name, value in zip(self.names, self.values[position].tolist(), strict=True)
        }


def read_table(path: Path, data: DataSettings) -> Table:
    """Read, check and fingerprint the table at `path`, then leave out what `data` says.

    Raises:
        TableUnreadable: the file is missing, cannot be opened, or is neither CSV nor Parquet.
        TableInvalid: the table cannot be trained on; the message names everything that is wrong with it.
    """
    source = read_source(path)
    features, target = _checked(source, data)
    (values, categories), targets = _matrix(features, data), target_values(target)
    drop = repeated(values, targets) if data.duplicates == "drop" else np.zeros(len(values), dtype=np.bool_)
    keep = np.flatnonzero(~drop)
    if drop.any():
        values, targets = values[keep], targets[keep]
    names = tuple(column.name for column in features)
    return Table(
        file=source.file,
        names=names,
        values=_read_only(values),
        targets=_read_only(targets),
        target=data.target,
        row_ids=_read_only(keep.astype(np.int64)),
        row_numbers=_read_only(source.row_numbers[keep]),
        row_word=source.row_word,
        bytes_sha256=source.bytes_sha256,
        content_sha256=content_sha256(source.columns),
        report=make_report(
            names,
            values,
            targets,
            categories=categories,
            excluded=data.exclude,
            duplicates_dropped=int(drop.sum()),
        ),
        categories=categories,
        nullable=tuple(name for name in names if name in data.nullable),
    )


def _checked(source: Source, data: DataSettings) -> tuple[list[Column], Column]:
    """The feature columns and the target, or an error that names all that is wrong with them."""
    findings = header_findings(source, data)
    columns = {column.name: column for column in reversed(source.columns)}
    target = columns.get(data.target)
    left_out = {data.target, *data.exclude}
    features = [column for column in reversed(columns.values()) if column.name not in left_out]
    # While it is not known which column is the target, what is said of the others may be said of it.
    if target is not None and len(source.row_numbers):
        findings += [*feature_findings(source, features, data), *target_findings(source, target, data)]
    if findings or target is None:
        raise table_invalid(source.file, findings, _of_columns(data, columns))
    return features, target


def _of_columns(data: DataSettings, columns: Container[str]) -> DataSettings:
    """The settings without the names that are no columns, so that no advice repeats these."""
    lists = {"exclude": data.exclude, "categorical": data.categorical, "nullable": data.nullable}
    return data.model_copy(
        update={setting: tuple(name for name in names if name in columns) for setting, names in lists.items()}
    )


def _matrix(
    features: Sequence[Column], data: DataSettings
) -> tuple[NDArray[np.float64], Mapping[str, tuple[str, ...]]]:
    """The values, and the categories of the columns that have some."""
    values = np.empty((len(features[0]), len(features)))
    categories: dict[str, tuple[str, ...]] = {}
    for position, column in enumerate(features):
        if column.name in data.categorical:
            values[:, position], categories[column.name] = encode(column)
        else:
            values[:, position] = column.numbers
    values[np.isnan(values)] = np.nan  # of all the NaNs that there are: rows are compared by their bytes
    return values, MappingProxyType(categories)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
