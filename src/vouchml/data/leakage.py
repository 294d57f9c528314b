"""The leakage check: no row may stand among the training rows and again among the test rows."""

from __future__ import annotations

import numpy as np

from vouchml.data.duplicates import row_groups
from vouchml.data.split import Split
from vouchml.data.table import Table
from vouchml.errors import LeakageFound


def check_leakage(table: Table, split: Split) -> None:
    """Refuse a split where the features and the target of a test row equal those of a training row.

    Raises:
        LeakageFound: says how many test rows do, and where the first one and its twin stand.
    """
    groups = row_groups(table.values, table.targets)
    leaked = np.sort(split.test[np.isin(groups[split.test], groups[split.train])])
    if not len(leaked):
        return
    first = int(leaked[0])
    twin = int(split.train[groups[split.train] == groups[first]].min())
    subject = "1 test row is" if len(leaked) == 1 else f"{len(leaked)} test rows are"
    raise LeakageFound(
        f"{table.file}: {subject} also among the training rows; the first is on {table.place(first)}, "
        f"with the same features and target as {table.place(twin)}.",
        remedy='Set [data] duplicates = "drop" to use the first of identical rows only, or remove them from the table.',
    )
