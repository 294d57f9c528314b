"""Hold missing payloads against the records that tell of erasures: one must be there if and only if the other is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vouchml.errors import LedgerInvalid
from vouchml.ledger.examine import EntrySource, Stretch
from vouchml.ledger.findings import Findings, records
from vouchml.ledger.leaf import Span, erased_spans, read_leaf
from vouchml.ledger.record import RecordType
from vouchml.ledger.spans import count, extend, union, without

_MOST_LOOKED_AT: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Erasure:
    index: int
    kind: RecordType
    spans: tuple[Span, ...]


class PayloadCheck:
    """What a ledger's records say of payloads, gathered stretch by stretch."""

    def __init__(self) -> None:
        self._missing: list[Span] = []
        self._erasures: list[_Erasure] = []

    @property
    def missing(self) -> int:
        """How many records lack the payload that they commit to."""
        return count(self._missing)

    def add(self, stretch: Stretch) -> None:
        """Take what came of a stretch; they come in order."""
        for start, end in stretch.without_payload:
            extend(self._missing, start, end)
        self._erasures.extend(_Erasure(*erasure) for erasure in stretch.erasures)

    def finish(self, store: EntrySource, size: int, size_now: int, findings: Findings) -> None:
        """Tell what does not fit in the first `size` records of a ledger that has `size_now` by now."""
        told = union(span for erasure in self._erasures for span in erasure.spans)
        untold = without(self._missing, told)
        if untold and size_now > size:
            # Erased since the verification began: the record that tells of it came later.
            later = union(span for entry in store.entries(size, size_now) for span in _spans(entry.leaf))
            untold = without(untold, later)
        for start, end in untold:
            message = f"The payload is missing, and no record tells of its erasure: {records(start, end)}."
            findings.tampered("payload", start, end, message)
        for index, place in self._should_be_erased():
            if _has_payload(store, place):
                message = f"Record {index} tells that the payload of record {place} was erased, and it is there."
                findings.tampered("erasure", place, place + 1, message)

    def _should_be_erased(self) -> Iterator[tuple[int, int]]:
        """Records with their erasures, as far as they are not known to have no payload.

        Not those of a prune, which takes the records of some types among many.
        """
        left = _MOST_LOOKED_AT
        for erasure in self._erasures:
            if erasure.kind is not RecordType.ERASURE:
                continue
            for start, end in without(union(erasure.spans), self._missing):
                for place in range(start, min(end, start + left)):
                    left -= 1
                    yield erasure.index, place


def _has_payload(store: EntrySource, index: int) -> bool:
    try:
        return store.entry(index).payload is not None
    except LedgerInvalid:
        return False  # a finding of its own already


def _spans(leaf: bytes) -> tuple[Span, ...]:
    try:
        return erased_spans(read_leaf(leaf))
    except LedgerInvalid:
        return ()
