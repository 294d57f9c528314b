"""What the rows of a ledger's tables mean, whatever keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vouchml.ledger.record import Record
from vouchml.ledger.store.base import STORE_FORMAT
from vouchml.ledger.store.failures import no_head, no_ledger, torn_head, unknown_format
from vouchml.ledger.tree import CompactRange

Rows = Sequence[tuple[Any, ...]]


def head_of(rows: Rows) -> CompactRange:
    """The head of a row with size and hashes.

    Raises:
        LedgerInvalid: there is none, or its hashes do not fit its size.
    """
    if not rows:
        raise no_head()
    return CompactRange.from_bytes(*rows[0])


def require_whole(rows: Rows) -> None:
    """Check that the head fits the records: a row with its size, its hashes, and the place after the last record.

    Raises:
        LedgerInvalid: it does not.
    """
    if not rows:
        raise no_head()
    ((size, content, leaves),) = rows
    if size != leaves:
        raise torn_head(size, leaves)
    CompactRange.from_bytes(size, content)


def origin_of(rows: Rows, name: str) -> str | None:
    """The origin of a row with it and the format; None where there is no row. `name` is what the place is called.

    Raises:
        LedgerInvalid: its format is another one.
    """
    if not rows:
        return None
    ((origin, form),) = rows
    if form != STORE_FORMAT:
        raise unknown_format(name, form)
    return str(origin)


def require_origin(origin: str | None, name: str) -> str:
    """The origin, which must be there.

    Raises:
        LedgerInvalid: there is no ledger.
    """
    if origin is None:
        raise no_ledger(name)
    return origin


def with_served_of(
    known: Mapping[bytes, int], records: Sequence[Record], number_of: Callable[[bytes], int]
) -> Mapping[bytes, int]:
    """The numbers of all `served` known so far and of those of `records`, for which `number_of` is asked.

    Within a transaction: the new ones are certain only after the commit.
    """
    missing = {record.served for record in records if record.served not in known}
    missing.discard(b"")
    if not missing:
        return known
    return {**known, **{text: number_of(text) for text in sorted(missing)}}
