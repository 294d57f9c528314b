"""The check that the training rows hold all that the test rows have: every category, and some value of every column.

The contract lists the categories of the training rows, and a service refuses others; so does the evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vouchml.data.findings import Finding, capped, listed, table_invalid
from vouchml.data.split import Split
from vouchml.data.table import Table
from vouchml.settings import DataSettings


def check_unseen(table: Table, split: Split, data: DataSettings) -> None:
    """Refuse a split that leaves a category, or all values of a column, to the test rows.

    Raises:
        TableInvalid: says which, and in how many rows.
    """
    findings = [Finding(f"column {name!r} {what}", columns=(name,)) for name, what in unseen(table, split)]
    if findings:
        raise table_invalid(table.file, capped(findings, "have such values"), data)


def unseen(table: Table, split: Split) -> Iterator[tuple[str, str]]:
    """The columns whose training rows lack something that the test rows have, and what that is."""
    for position, name in enumerate(table.names):
        cells = table.values[:, position]
        if name not in table.categories and name not in table.nullable:
            continue
        seen, asked = cells[split.train], cells[split.test]
        if np.isnan(seen).all():
            yield name, "has no values in the training rows"
        elif name in table.categories:
            lacking = np.setdiff1d(asked[~np.isnan(asked)], seen)
            if len(lacking):
                texts = listed(table.categories[name][int(place)] for place in lacking)
                count = int(np.isin(asked, lacking).sum())
                yield name, f"has {count} test row{'' if count == 1 else 's'} of categories in no training row: {texts}"
