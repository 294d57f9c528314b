"""Read a table, fingerprint it, check it, and split its rows for training."""

from vouchml.data.leakage import check_leakage
from vouchml.data.report import ColumnRange, DataReport
from vouchml.data.split import Split, split_rows
from vouchml.data.table import Table, read_table
from vouchml.data.target import label_of
from vouchml.data.unseen import check_unseen

__all__ = [
    "ColumnRange",
    "DataReport",
    "Split",
    "Table",
    "check_leakage",
    "check_unseen",
    "label_of",
    "read_table",
    "split_rows",
]
