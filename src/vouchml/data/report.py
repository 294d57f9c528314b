"""What a person wants to know about the rows that a model is trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouchml.data.duplicates import feature_groups, repeated


@dataclass(frozen=True)
class ColumnRange:
    """The range of one feature column, how many different values it has, and how many rows have none.

    A column of categories has no range: its values are `categories`.
    """

    name: str
    minimum: float | None
    maximum: float | None
    distinct: int
    missing: int = 0
    categories: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The column as JSON values, without what it does not have."""
        return {key: value for key, value in asdict(self).items() if value is not None and (value or key != "missing")}


@dataclass(frozen=True)
class DataReport:
    """Counts and ranges of the rows and feature columns that are used.

    `class_counts` counts rows by target value, written as text. `duplicate_rows` repeat the features and the target of
    an earlier row; `conflicting_rows` share their features with a row that has another target.
    """

    file_rows: int
    rows: int
    columns: int
    excluded: tuple[str, ...]
    class_counts: Mapping[str, int]
    duplicates_dropped: int
    duplicate_rows: int
    conflicting_rows: int
    ranges: tuple[ColumnRange, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            **{name: getattr(self, name) for name in ("file_rows", "rows", "columns")},
            "excluded": list(self.excluded),
            "class_counts": dict(self.class_counts),
            **{name: getattr(self, name) for name in ("duplicates_dropped", "duplicate_rows", "conflicting_rows")},
            "ranges": [each.to_json() for each in self.ranges],
        }


def make_report(
    names: Sequence[str],
    values: NDArray[np.float64],
    targets: NDArray[Any],
    *,
    categories: Mapping[str, tuple[str, ...]],
    excluded: tuple[str, ...],
    duplicates_dropped: int,
) -> DataReport:
    """Describe the rows `values` and `targets`, from which duplicates may have been dropped already."""
    classes, codes, counts = np.unique(targets, return_inverse=True, return_counts=True)
    groups = feature_groups(values)
    classes_of_group = np.zeros((int(groups.max()) + 1, len(classes)), dtype=np.bool_)
    classes_of_group[groups, codes] = True
    return DataReport(
        file_rows=len(targets) + duplicates_dropped,
        rows=len(targets),
        columns=len(names),
        excluded=excluded,
        class_counts=MappingProxyType({str(value): int(count) for value, count in zip(classes, counts, strict=True)}),
        duplicates_dropped=duplicates_dropped,
        duplicate_rows=int(repeated(values, targets).sum()),
        conflicting_rows=int((classes_of_group.sum(axis=1) > 1)[groups].sum()),
        ranges=tuple(_range(name, values[:, position], categories.get(name)) for position, name in enumerate(names)),
    )


def _range(name: str, cells: NDArray[np.float64], categories: tuple[str, ...] | None) -> ColumnRange:
    present = cells[~np.isnan(cells)]
    missing, distinct = len(cells) - len(present), len(np.unique(present))
    if categories is not None:
        return ColumnRange(name, None, None, distinct, missing, categories)
    return ColumnRange(name, float(present.min()), float(present.max()), distinct, missing)
