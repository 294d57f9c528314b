"""Go through a stretch of records: hash each leaf, open each commitment, and note what the whole ledger needs of it.

A stretch begins where a tile begins. What comes of it is small, so that several processes can go through a ledger.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any, Final, Protocol

from vouchml.errors import LedgerInvalid
from vouchml.ledger.findings import Finding, Findings, records
from vouchml.ledger.leaf import Span, erased_spans, read_leaf
from vouchml.ledger.proofs import halved
from vouchml.ledger.record import COMMITMENT_DOMAIN, FREQUENT, RecordType, commitment
from vouchml.ledger.spans import extend
from vouchml.ledger.store.base import Entry
from vouchml.ledger.tree import HASH_BYTES, TILE, CompactRange

_COMMITTED: Final = b'{"commitment":"'
_CLAIM: Final = slice(len(_COMMITTED), len(_COMMITTED) + 44)  # with the quotation mark behind it
_PREDICTION: Final = b'"type":"prediction"'
_AS_CLAIMED: Final = bytes.maketrans(b"+/=", b'-_"')
_NO_LEAF: Final = bytes(HASH_BYTES)  # no leaf is known that has this hash


class EntrySource(Protocol):
    """What a stretch is read from: a store."""

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        """The records from `start` up to `end` in order; a missing one is left out."""
        ...

    def entry(self, index: int) -> Entry:
        """The record at a place; raises LedgerInvalid when there is none or it cannot be put together."""
        ...


@dataclass(slots=True)
class Stretch:
    """What came of the records from `start` to `end`.

    `tiles` are the hashes over each 256 of them, `rest` the leaf hashes that fill no tile. `edges` has, for each size
    asked for that is not at the end of a tile, the perfect subtrees of the tile's leaves before it. `erasures` are the
    records that erase, with what they erase; `sampled` some records with the ids by which they must be found; `events`
    all that stores list by their type.
    """

    start: int
    end: int
    tiles: list[bytes] = field(default_factory=list)
    rest: list[bytes] = field(default_factory=list)
    edges: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    without_payload: list[Span] = field(default_factory=list)
    erasures: list[tuple[int, RecordType, tuple[Span, ...]]] = field(default_factory=list)
    sampled: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    events: list[tuple[int, RecordType]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def examine(source: EntrySource, start: int, end: int, *, sizes: Sequence[int], sample_every: int) -> Stretch:
    """Go through the records from `start`, which begins a tile, to `end`.

    `sizes` are those whose edges are wanted, in order. Of each `sample_every` records one is sampled.
    """
    try:
        return _Examination(start, end, sizes, sample_every).of(source.entries(start, end))
    except LedgerInvalid:  # one of them cannot be put together: all the others can
        return _Examination(start, end, sizes, sample_every).of(_readable(source, start, end))


def _readable(source: EntrySource, start: int, end: int) -> Iterator[Entry]:
    for index in range(start, end):
        try:
            entry = source.entry(index)
        except LedgerInvalid:
            continue
        yield entry


class _Examination:
    def __init__(self, start: int, end: int, sizes: Sequence[int], sample_every: int) -> None:
        self._stretch = Stretch(start, end)
        self._findings = Findings()
        self._sizes = deque(size for size in sizes if start < size <= end)
        self._expected = start
        self._hashes: list[bytes] = []  # of the leaves in no whole tile yet
        self._sample_every = sample_every

    def of(self, entries: Iterable[Entry]) -> Stretch:
        stretch, iterator = self._stretch, iter(entries)
        while batch := list(islice(iterator, TILE)):
            if not self._take_plain(batch):
                self._take_each(batch)
            if self._expected % TILE == 0:
                self._fold()
        if self._expected < stretch.end:
            self._missing(self._expected, stretch.end)
        self._fold()
        stretch.rest = self._hashes
        stretch.findings = self._findings.kept
        return stretch

    def _take_plain(self, batch: Sequence[Entry]) -> bool:
        """Take records at once if they are what nearly all are: predictions with payloads that fit, none missing.

        This is where the time goes, hence the lists.
        """
        places, leaves, salts, payloads = zip(*batch, strict=True)
        start, end = self._expected, self._expected + len(batch)
        if places != tuple(range(start, end)) or None in salts or None in payloads:
            return False
        opened = [
            b2a_base64(sha256(COMMITMENT_DOMAIN + salt + payload).digest(), newline=False)
            for salt, payload in zip(salts, payloads, strict=True)
        ]
        if b"".join([leaf[_CLAIM] for leaf in leaves]) != b"".join(opened).translate(_AS_CLAIMED):
            return False
        are_predictions = [leaf.startswith(_COMMITTED) and _PREDICTION in leaf for leaf in leaves]
        if not all(are_predictions):
            return False
        self._hashes += [sha256(b"\x00" + leaf).digest() for leaf in leaves]
        for index in range(start + -start % self._sample_every, end, self._sample_every):
            self._sample(index, leaves[index - start])
        self._expected = end
        return True

    def _take_each(self, batch: Sequence[Entry]) -> None:
        for index, leaf, salt, payload in batch:
            if index != self._expected:
                self._missing(self._expected, index)
            self._hashes.append(sha256(b"\x00" + leaf).digest())
            self._expected = index + 1
            if not _is_plain(leaf, salt, payload):
                self._look_closer(index, leaf, salt, payload)
            if index % self._sample_every == 0:
                self._sample(index, leaf)

    def _fold(self) -> None:
        """Make whole tiles of the leaf hashes so far, and edges; what fills no tile stays."""
        hashes, end = self._hashes, self._expected
        start = end - len(hashes)
        while self._sizes and self._sizes[0] <= end:
            size = self._sizes.popleft()
            before = size // TILE * TILE
            if size > before:
                edge, _ = CompactRange().extend(hashes[before - start : size - start])
                self._stretch.edges[size] = edge.hashes
        whole = len(hashes) // TILE * TILE
        for first in range(0, whole, TILE):
            layer: Sequence[bytes] = hashes[first : first + TILE]
            while len(layer) > 1:
                layer = halved(layer)
            self._stretch.tiles.append(layer[0])
        self._hashes = hashes[whole:]

    def _missing(self, start: int, end: int) -> None:
        self._findings.tampered("record", start, end, f"Missing or unreadable: {records(start, end)}.")
        self._hashes += [_NO_LEAF] * (end - start)
        self._expected = end

    def _look_closer(self, index: int, leaf: bytes, salt: bytes | None, payload: bytes | None) -> None:
        if (salt is None) != (payload is None):
            self._findings.tampered("payload", index, index + 1, f"Record {index} has a payload or a salt, not both.")
        elif payload is None and leaf.startswith(_COMMITTED) and _PREDICTION in leaf:
            extend(self._stretch.without_payload, index, index + 1)
        else:
            self._look_at_all(index, leaf, salt, payload)

    def _look_at_all(self, index: int, leaf: bytes, salt: bytes | None, payload: bytes | None) -> None:
        try:
            fields = read_leaf(leaf)
            spans = erased_spans(fields)
        except LedgerInvalid as error:
            self._findings.tampered("record", index, index + 1, f"Record {index}: {error.message}")
            return
        if fields["type"] not in FREQUENT:
            self._stretch.events.append((index, RecordType(fields["type"])))
        committed = fields.get("commitment")
        if payload is not None and salt is not None:
            if committed != commitment(salt, payload):
                message = f"The payload of record {index} is not the one that its leaf commits to."
                self._findings.tampered("payload", index, index + 1, message)
        elif committed is not None:
            extend(self._stretch.without_payload, index, index + 1)
        if any(end > index for _, end in spans):
            message = f"Record {index} says that it erases records that came after it."
            self._findings.tampered("erasure", index, index + 1, message)
        elif spans:
            self._stretch.erasures.append((index, RecordType(fields["type"]), spans))
        if fields["type"] == RecordType.GAP:
            message = f"Record {index} tells that {fields.get('records')} answers left without a record."
            self._findings.incomplete("gap", index, index + 1, message)

    def _sample(self, index: int, leaf: bytes) -> None:
        try:
            fields: Any = json.loads(leaf)
            ids = (fields.get("prediction_id"), None if "row" in fields else fields.get("request_id"))
        except (ValueError, RecursionError, AttributeError):
            return  # what is no leaf was found already, or its hash will not fit
        self._stretch.sampled.append((index, tuple(each for each in ids if isinstance(each, str))))


def _is_plain(leaf: bytes, salt: bytes | None, payload: bytes | None) -> bool:
    """Whether it is a prediction with the payload that it commits to; false when it takes a closer look to say."""
    if salt is None or payload is None:
        return False
    opened = b2a_base64(sha256(COMMITMENT_DOMAIN + salt + payload).digest(), newline=False)
    return leaf.startswith(_COMMITTED + opened.translate(_AS_CLAIMED)) and _PREDICTION in leaf
