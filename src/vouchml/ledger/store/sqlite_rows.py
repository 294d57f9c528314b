"""Write many rows with few statements.

Every step of a statement lets go of Python's lock, and beside a busy event loop it takes milliseconds to get it back.
So each table gets one statement for up to 64 rows; there is one text for every number of rows, which stays prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import apsw

ROWS_AT_ONCE: Final = 64


class RowWriter:
    """Appends rows to one table."""

    def __init__(self, table: str, columns: int) -> None:
        row = f"({','.join('?' * columns)})"
        self._columns = columns
        into = f"INSERT INTO {table} VALUES "  # noqa: S608 - a name of ours
        self._statements = [into + ",".join([row] * rows) for rows in range(ROWS_AT_ONCE + 1)]

    def write(self, connection: apsw.Connection, values: Sequence[apsw.SQLiteValue]) -> None:
        """Insert rows, given as the values of one after the other."""
        at_once = ROWS_AT_ONCE * self._columns
        if len(values) <= at_once:
            if values:
                connection.execute(self._statements[len(values) // self._columns], values)
            return
        for start in range(0, len(values), at_once):
            self.write(connection, values[start : start + at_once])
