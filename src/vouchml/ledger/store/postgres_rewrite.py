"""Write the table of payloads anew: PostgreSQL leaves the bytes of a deleted row in the table's file otherwise."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Final

import psycopg

from vouchml.errors import LedgerUnavailable
from vouchml.ledger.store.base import WAITS_SECONDS
from vouchml.ledger.store.failures import copy_left
from vouchml.ledger.store.postgres_connection import Connection, translated

_WHERE: Final = "the table's file"
_AGAIN_SECONDS: Final = 0.1
_NUMBER: Final = re.compile(r"\d+")


def rewrite_payloads(connection: Connection, erased: Sequence[int]) -> None:
    """Leave nothing of deleted rows in the file of the table; `erased` are the places of those of now, for the error.

    It takes the table for itself, for as long as copying what is left takes. While others append, one of them may have
    begun before the rows were deleted, and then they are copied along; so it is done again until that one has ended.

    Raises:
        LedgerUnavailable: a copy is left, since others use the table or may still see what was deleted.
    """
    until = time.monotonic() + WAITS_SECONDS
    while dead := _rewrite(connection, erased):
        if time.monotonic() >= until:
            raise copy_left(_WHERE, f"a transaction that began before can still see {dead} deleted rows", erased)
        time.sleep(_AGAIN_SECONDS)


def _rewrite(connection: Connection, erased: Sequence[int]) -> int:
    """Write the table anew; the deleted rows that had to be copied along."""
    dead: list[int] = []

    def count(told: psycopg.errors.Diagnostic) -> None:
        # In every language the detail begins with the number of dead rows that had to be kept.
        found = _NUMBER.search(told.message_detail or "")
        if found:
            dead.append(int(found.group()))

    connection.add_notice_handler(count)
    try:
        with translated():
            connection.execute("VACUUM (FULL, VERBOSE) payload")
    except LedgerUnavailable as error:
        raise copy_left(_WHERE, error.message.rstrip("."), erased) from error
    finally:
        connection.remove_notice_handler(count)
    if not dead:
        raise copy_left(_WHERE, "only the owner of the tables can write it anew", erased)
    return sum(dead)
