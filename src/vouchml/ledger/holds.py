"""Legal holds: payloads that nobody may erase until the hold is released. Each is a record, and so is its release.

A hold is called by the number of its record. It covers the records in its `spans`, or those of a time, which may be
still to come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from vouchml.errors import LedgerInvalid, RecordNotFound
from vouchml.ledger.leaf import Span, read_leaf
from vouchml.ledger.record import Record, RecordType, event, time_text
from vouchml.ledger.spans import extend
from vouchml.ledger.store.base import Entry


class EventSource(Protocol):
    """What holds are read from: a store."""

    def events(self, kind: RecordType, *, before: int | None = None) -> Iterator[Entry]:
        """The records of a type, the latest first."""
        ...


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold in force: its number, who made it when and why, and what it covers. Times are as leaves have them."""

    number: int
    time: str
    who: str
    reason: str
    spans: tuple[Span, ...]
    since: str | None
    until: str | None

    def covers(self, index: int, leaf: Mapping[str, Any]) -> bool:
        """Whether the hold keeps the payload of record `index`, whose leaf has the fields `leaf`.

        What a prediction came to, whenever it was recorded, is held with it.
        """
        if self.spans:
            places = (index, leaf.get("about", index))
            return any(start <= place < end for start, end in self.spans for place in places)
        # Times of one form and zone are in order as texts.
        time = leaf["time"]
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)


def holds_in_force(store: EventSource) -> tuple[Hold, ...]:
    """The holds that were not released, the latest first.

    Raises:
        LedgerInvalid: the record of a hold does not say what it covers.
    """
    released = {read_leaf(entry.leaf).get("hold") for entry in store.events(RecordType.RELEASE)}
    return tuple(_hold(entry) for entry in store.events(RecordType.HOLD) if entry.index not in released)


def hold_of_records(name: str, places: Sequence[int], *, who: str, reason: str, time: datetime) -> Record:
    """A hold of the records at `places`, in order, which were found by the id `name`."""
    merged: list[Span] = []
    for place in places:
        extend(merged, place, place + 1)
    spans = [list(span) for span in merged]
    fields = {"reason": reason, "request_id": name, "since": None, "spans": spans, "until": None, "who": who}
    return event(RecordType.HOLD, fields, time=time, ids=(name,))


def hold_of_time(since: datetime | None, until: datetime | None, *, who: str, reason: str, time: datetime) -> Record:
    """A hold of all records from `since` on and before `until`, both UTC; None: without a bound."""
    fields: dict[str, Any] = {
        "reason": reason,
        "since": None if since is None else time_text(since),
        "spans": [],
        "until": None if until is None else time_text(until),
        "who": who,
    }
    return event(RecordType.HOLD, fields, time=time)


def release_of(store: EventSource, number: int, *, who: str, reason: str, time: datetime) -> Record:
    """The record that ends the hold `number`.

    Raises:
        RecordNotFound: no hold of that number is in force.
    """
    if number not in {hold.number for hold in holds_in_force(store)}:
        raise RecordNotFound(
            f"No hold {number} is in force.", remedy="See which are: vouch ledger status. They are told by number."
        )
    return event(RecordType.RELEASE, {"hold": number, "reason": reason, "who": who}, time=time)


def _hold(entry: Entry) -> Hold:
    fields = read_leaf(entry.leaf)
    try:
        return Hold(
            entry.index,
            fields["time"],
            fields["who"],
            fields["reason"],
            tuple(Span(start, end) for start, end in fields["spans"]),
            fields["since"],
            fields["until"],
        )
    except (KeyError, TypeError, ValueError):
        raise LedgerInvalid(f"Record {entry.index} is a hold and does not say what it covers.") from None
