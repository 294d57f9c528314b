"""Erase the payloads of predictions: destroyed with their salts, and a record that says when and on what basis.

What is left of a prediction, its leaf, has ids, digests and a commitment that nobody can open any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vouchml.errors import PayloadHeld
from vouchml.ledger.holds import Hold, holds_in_force
from vouchml.ledger.leaf import read_leaf
from vouchml.ledger.record import Record, RecordType, event
from vouchml.ledger.search import records_about, requests_of, require_one_request
from vouchml.ledger.store.base import Entry, LedgerStore


@dataclass(frozen=True, slots=True)
class Erasable:
    """What would be erased: records with payloads, how many of those that were found have none, and what holds them."""

    entries: tuple[Entry, ...]
    without_payload: int
    holds: tuple[Hold, ...]


def find_erasable(store: LedgerStore, name: str, *, row: int | None = None, all_requests: bool = False) -> Erasable:
    """What there is to erase of the predictions with the id `name`: their payloads, and those of their outcomes.

    Raises:
        RecordNotFound: there is no such prediction.
        RecordAmbiguous: it is the id of several requests, and `all_requests` does not say that all are meant.
    """
    requests = requests_of(store, name, row=row, most=None)
    if not all_requests:
        require_one_request(store, requests)
    places = [place for request in requests for place in request.places]
    for place in tuple(places):
        prediction_id = read_leaf(store.entry(place).leaf)["prediction_id"]
        places.extend(records_about(store, prediction_id, RecordType.OUTCOME))
    entries = tuple(store.entry(place) for place in places)
    kept = tuple(entry for entry in entries if entry.payload is not None)
    in_force = holds_in_force(store)
    held = [hold for hold in in_force if any(hold.covers(each.index, read_leaf(each.leaf)) for each in kept)]
    return Erasable(kept, len(entries) - len(kept), tuple(held))


def erase(
    store: LedgerStore, erasable: Erasable, *, basis: str, who: str, override_hold: str | None = None
) -> tuple[int, ...]:
    """Erase all or nothing, with one record for each payload; the places of these records.

    `override_hold` says why a hold yields.

    Raises:
        PayloadHeld: a hold covers one of them; nothing was erased.
        LedgerInvalid: one of them was erased meanwhile; nothing was erased.
        LedgerUnavailable: nothing was erased; or all was, but a copy is left in the store, which the message says.
    """
    if erasable.holds and override_hold is None:
        raise held_by(erasable.holds)
    told: dict[str, Any] = {"basis": basis, "who": who}
    if erasable.holds:
        told |= {"holds": [hold.number for hold in erasable.holds], "override_hold": override_hold}
    records = [_record(entry, told) for entry in erasable.entries]
    # Also without any: an earlier erasure may have left a copy that it could not take.
    appended = store.erase([entry.index for entry in erasable.entries], records)
    return tuple(range(appended.first_index, appended.size))


def _record(entry: Entry, told: Mapping[str, Any]) -> Record:
    """The record that tells of the erasure of the payload of `entry`."""
    fields = read_leaf(entry.leaf)
    ids = {name: fields[name] for name in ("prediction_id", "request_id") if name in fields}
    erased = {"erased": [[entry.index, entry.index + 1]], **ids, **told}
    return event(RecordType.ERASURE, erased, time=datetime.now(UTC), ids=tuple(ids.values()))


def held_by(holds: Sequence[Hold]) -> PayloadHeld:
    """The error that names what holds the payloads."""
    named = "; ".join(f"hold {hold.number} of {hold.time[:10]} by {hold.who}: {hold.reason}" for hold in holds)
    return PayloadHeld(
        f"Nothing was erased: {named}.",
        remedy="Release it: vouch ledger release NUMBER; or say why it yields: --override-hold REASON",
    )
