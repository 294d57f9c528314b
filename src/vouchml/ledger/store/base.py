"""What a ledger's store does, whatever keeps it.

A store object is a connection: one thread uses it, and as many processes and hosts as like have one each. Everything
that changes the log is one transaction, behind a lock on the head: after any failure all of it is there or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from vouchml.ledger.record import Record, RecordType
from vouchml.ledger.tree import CompactRange

#: The number of the tables' layout. Another one is refused: tables are never changed on the way.
STORE_FORMAT: Final = 1
#: How long a store waits for another one that writes before it gives up.
WAITS_SECONDS: Final = 5.0
#: How many entries are read at a time: nothing holds a snapshot, or more memory than these take, between two of them.
ENTRIES_AT_ONCE: Final = 1024

#: How many payloads are pruned in one transaction: those who append wait for its end.
PRUNED_AT_ONCE: Final = 2048

#: Makes the signed note of a head, or None where none is due.
Sign = Callable[[CompactRange], str | None]


class Appended(NamedTuple):
    """Where the records of an append are: from `first_index` up to the new `size`."""

    first_index: int
    size: int


class Entry(NamedTuple):
    """A record as it is kept. Without payload it never had one, or it is erased: a leaf with a commitment had one."""

    index: int  # type: ignore[assignment] # the name that proofs and receipts have for it, too
    leaf: bytes
    salt: bytes | None
    payload: bytes | None


class Checkpoint(NamedTuple):
    """A signed note as it was written, of the first `size` records."""

    size: int
    note: str


def parts_of(spans: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The same records as `spans`, `PRUNED_AT_ONCE` at a time at most."""
    part: list[tuple[int, int]] = []
    room = PRUNED_AT_ONCE
    for first, end in spans:
        start = first
        while start < end:
            taken = min(end, start + room)
            part.append((start, taken))
            room -= taken - start
            start = taken
            if not room:
                yield part
                part, room = [], PRUNED_AT_ONCE
    if part:
        yield part


class LedgerStore(Protocol):
    """A ledger, open. Every method raises LedgerUnavailable when the store cannot be read or written now."""

    def append(self, records: Sequence[Record], *, sign: Sign) -> Appended:
        """Append `records` in one transaction, with the checkpoint that `sign` makes of the new head.

        Without records only the checkpoint is written. When it returns, all is on disk.

        Raises:
            LedgerUnavailable: nothing was appended; or, with PostgreSQL, the connection broke at the commit and
                there is no other to find out by, which the message says.
            LedgerInvalid: the head is not one.
        """
        ...

    def head(self) -> CompactRange:
        """The tree as it is now."""
        ...

    def origin(self) -> str:
        """The name of this ledger in its checkpoints."""
        ...

    def candidates(self, name: str) -> Sequence[int]:
        """The places, in order, of the records that may have `name` among their ids, whose leaves nobody has read."""
        ...

    def find(self, name: str) -> tuple[int, ...]:
        """The places of the records that have `name` among their ids, in order; none when there is no such record."""
        ...

    def entry(self, index: int) -> Entry:
        """The record at a place.

        Raises:
            LedgerInvalid: there is none.
        """
        ...

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        """The records from `start` up to `end` (exclusive) in order; a missing one is left out, not made up."""
        ...

    def read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """The hashes of the leaves (level 0) or nodes (8, 16, …) from place `start` up to `end`, for proofs."""
        ...

    def checkpoints(self, since: int = 0) -> Iterator[Checkpoint]:
        """The checkpoints of sizes from `since` on, the smallest first."""
        ...

    def latest_checkpoint(self) -> Checkpoint | None:
        """The checkpoint of the largest size."""
        ...

    def events(self, kind: RecordType, *, before: int | None = None) -> Iterator[Entry]:
        """The records of a type that is not frequent, the latest first; only those in front of the place `before`."""
        ...

    def erase(self, indexes: Sequence[int], records: Sequence[Record]) -> Appended:
        """Destroy the payloads and salts of the records at `indexes`, and append `records`, which say so, in one go.

        Copies that the store itself keeps of what was there go afterwards; without `indexes`, only those that an
        earlier call could not take.

        Raises:
            LedgerInvalid: there is nothing to erase at one of them; nothing was erased.
            LedgerUnavailable: nothing was erased; or all was, but a copy is left, which the message says.
        """
        ...

    def prune(self, spans: Sequence[tuple[int, int]]) -> int:
        """Destroy the payloads and salts of the records from each start up to its end, and say how many there were.

        A record that tells of it must be in the ledger before. It is done in parts, so that others can append in
        between; after a failure some are gone, and the same call again takes the rest.
        """
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...
