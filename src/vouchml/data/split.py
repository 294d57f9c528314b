"""The split into training and test rows: stratified, seeded, and named by digests of the rows' ids."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vouchml.data.table import Table
from vouchml.errors import TableInvalid


@dataclass(frozen=True, eq=False)
class Split:
    """Positions of rows in the table, in the order in which scikit-learn drew them.

    A digest is the SHA-256 over the `row_ids` of those rows, in that order, as little-endian int64.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    train_rows_sha256: str
    test_rows_sha256: str


def split_rows(table: Table, *, test_size: float, random_state: int) -> Split:
    """Split the rows as scikit-learn's `train_test_split` does with `stratify` on the target.

    Raises:
        TableInvalid: a class has too few rows to stand on both sides.
    """
    from sklearn.model_selection import train_test_split

    classes, counts = np.unique(table.targets, return_counts=True)
    if counts.min() < 2:
        raise TableInvalid(
            f"{table.file}: the class {classes.tolist()[counts.argmin()]!r} of the target {table.target!r} has 1 row "
            "left; the training and the test rows need one each.",
            remedy="Add rows of that class.",
        )
    rows = len(table.targets)
    test_rows = math.ceil(test_size * rows)
    if not len(classes) <= test_rows <= rows - len(classes):
        raise _too_uneven(table, test_size)
    train, test = train_test_split(
        np.arange(rows, dtype=np.int64), test_size=test_size, random_state=random_state, stratify=table.targets
    )
    if any(len(np.unique(table.targets[side])) < len(classes) for side in (train, test)):
        raise _too_uneven(table, test_size)
    return Split(train, test, _digest(table.row_ids[train]), _digest(table.row_ids[test]))


def _too_uneven(table: Table, test_size: float) -> TableInvalid:
    counts = ", ".join(f"{value}: {count}" for value, count in table.report.class_counts.items())
    return TableInvalid(
        f"{table.file}: with test_size {test_size:g} the training or the test rows lack a class "
        f"(rows by class: {counts}).",
        remedy="Bring [training] test_size nearer to 0.5, or add rows of the rarer class.",
    )


def _digest(row_ids: NDArray[np.int64]) -> str:
    return hashlib.sha256(row_ids.astype("<i8").tobytes()).hexdigest()
