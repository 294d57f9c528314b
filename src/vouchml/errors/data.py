"""The table, or what was to be learnt from it, cannot be used."""

from __future__ import annotations

from vouchml.errors.base import VouchError


class TableUnreadable(VouchError):
    """The table does not exist, cannot be opened, or is not a table."""

    code, exit_status = "table-unreadable", 3


class TableInvalid(VouchError):
    """The table was read but cannot be trained on: a column or the target is not as it must be."""

    code, exit_status = "table-invalid", 3


class TableChanged(VouchError):
    """The table is not the one that the manifest of a run records."""

    code, exit_status = "table-changed", 3


class LeakageFound(VouchError):
    """A row stands in the training split and in the test split."""

    code, exit_status = "leakage-found", 3


class TrainingRefused(VouchError):
    """The estimator or its parameters cannot be used as asked."""

    code, exit_status = "training-refused", 6
