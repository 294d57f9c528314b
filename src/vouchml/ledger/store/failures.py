"""The errors of stores that are the same whatever keeps the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vouchml.errors import LedgerInvalid, LedgerUnavailable
from vouchml.ledger.store.base import STORE_FORMAT

VERIFY: Final = "Verify it: vouch ledger verify; restore a copy."
_LISTED: Final = 20


def no_ledger(name: str) -> LedgerInvalid:
    """There is nothing yet."""
    return LedgerInvalid(f"There is no ledger in {name}.", remedy="Create it: vouch ledger init")


def unknown_format(name: str, found: int) -> LedgerInvalid:
    """Another version of vouchml made it."""
    return LedgerInvalid(
        f"The ledger in {name} has the format {found}; this version of vouchml knows {STORE_FORMAT}.",
        remedy="Use the version of vouchml that made it.",
    )


def other_origin(name: str, found: str) -> LedgerInvalid:
    """There is one already, under another name."""
    return LedgerInvalid(
        f"There is already a ledger in {name}, with the origin {found}.",
        remedy="Set [ledger] origin to that, or [ledger] url to another place.",
    )


def no_head() -> LedgerInvalid:
    """The row of the head is missing."""
    return LedgerInvalid("The ledger has no head.", remedy=VERIFY)


def torn_head(size: int, leaves: int) -> LedgerInvalid:
    """The head says another number of records than there are."""
    return LedgerInvalid(f"The ledger's head counts {size} records, and there are {leaves}.", remedy=VERIFY)


def no_record(index: int) -> LedgerInvalid:
    """Nothing is at a place."""
    return LedgerInvalid(f"The ledger has no record {index}.", remedy=VERIFY)


def nothing_to_erase(index: int) -> LedgerInvalid:
    """A record has no payload, or none any more."""
    return LedgerInvalid(f"Record {index} has no payload, or it is erased already.")


def copy_left(where: str, why: str, indexes: Sequence[int]) -> LedgerUnavailable:
    """Payloads are erased in the ledger, and what was written of them is still in a file of the store."""
    named = ", ".join(str(index) for index in indexes[:_LISTED]) + (", …" if len(indexes) > _LISTED else "")
    of_all = f"All {len(indexes)} payloads that were asked for are gone from the ledger (records {named}). " * bool(
        indexes
    )
    return LedgerUnavailable(
        f"Erased, but {where} still has a copy: {why}. {of_all}".rstrip(),
        remedy="End what uses the ledger for long, and give the same command again: it erases nothing twice, and takes "
        "the copy.",
    )
