"""Leaves as stores keep them: what is the same in all leaves of a version, `served`, is kept once.

A leaf is cut where its `served` begins, and that place is kept with it: so the same bytes come back whatever the leaf
says.
"""

from __future__ import annotations

from typing import Final

import rfc8785

from vouchml.errors import LedgerInvalid
from vouchml.ledger.record import Record
from vouchml.ledger.store.failures import VERIFY

_NAME: Final = b'"served":'


def cut(record: Record) -> tuple[int, bytes]:
    """Where `served` begins in the leaf of `record`, and the leaf without it; 0 where nothing is cut out."""
    leaf, served = record.leaf, record.served
    if not served:
        return 0, leaf
    # Finding its name and comparing is a fifth of the time that finding such a long text takes.
    place = leaf.find(_NAME) + len(_NAME)
    if not leaf.startswith(served, place):
        place = leaf.find(served)
    if place <= 0:
        return 0, leaf
    return place, leaf[:place] + leaf[place + len(served) :]


def whole(place: int, text: bytes, served: bytes | None) -> bytes:
    """The leaf again.

    Raises:
        LedgerInvalid: its `served` is missing.
    """
    if not place:
        return text
    if served is None:
        raise LedgerInvalid("A record names a version that the ledger does not have.", remedy=VERIFY)
    return text[:place] + served + text[place:]


def names(leaf: bytes, name: str) -> bool:
    """Whether a leaf says `name`: what is found by a key of few bits may be another's."""
    return rfc8785.dumps(name) in leaf
