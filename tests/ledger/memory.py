"""A ledger in memory that keeps what a store keeps, for what reads one: small, honest, and easy to tamper with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from vouchml.errors import LedgerInvalid
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.record import Record, RecordType, event
from vouchml.ledger.store.base import Entry
from vouchml.ledger.tree import CompactRange, leaf_hash

ORIGIN = "example.com/ledger"
BEGAN = datetime(2026, 11, 24, 22, 4, 10, tzinfo=UTC)


@dataclass
class MemoryLedger:
    rows: dict[int, Entry] = field(default_factory=dict)
    ids: dict[str, list[int]] = field(default_factory=dict)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    range: CompactRange = field(default_factory=CompactRange)
    notes: list[tuple[int, str]] = field(default_factory=list)

    def append(self, records: Sequence[Record], signer: SignerKey | None = None) -> None:
        first = self.range.size
        for index, record in enumerate(records, first):
            self.rows[index] = Entry(index, record.leaf, record.salt, record.payload)
            for each in record.ids:
                self.ids.setdefault(each, []).append(index)
        self.range, completed = self.range.extend([leaf_hash(record.leaf) for record in records])
        self.nodes.update({(node.level, node.place): node.hash for node in completed})
        if signer is not None:
            self.sign(signer)

    def sign(self, signer: SignerKey) -> str:
        time = BEGAN + timedelta(seconds=self.range.size)
        note = sign(Checkpoint.of(signer.name, self.range, time=time), signer)
        self.notes.append((self.range.size, note))
        return note

    def erase(self, index: int, erasure: Record) -> None:
        self.rows[index] = self.rows[index]._replace(salt=None, payload=None)
        self.append([erasure])

    def origin(self) -> str:
        return ORIGIN

    def close(self) -> None:
        """There is nothing to give back."""

    def head(self) -> CompactRange:
        return self.range

    def read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        if level == 0:
            return [leaf_hash(self.rows[place].leaf) for place in range(start, end) if place in self.rows]
        return [self.nodes[level, place] for place in range(start, end) if (level, place) in self.nodes]

    def entry(self, index: int) -> Entry:
        if index not in self.rows:
            raise LedgerInvalid(f"There is no record {index}.")
        return self.rows[index]

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        return (self.rows[index] for index in sorted(self.rows) if start <= index < end)

    def candidates(self, wanted: str) -> Sequence[int]:
        return self.find(wanted)

    def find(self, wanted: str) -> Sequence[int]:
        return self.ids.get(wanted, [])

    def events(self, kind: RecordType, *, before: int | None = None) -> Iterator[Entry]:
        wanted = b'"type":"%b"' % kind.value.encode()
        end = self.range.size if before is None else before
        return (self.rows[index] for index in range(end - 1, -1, -1) if wanted in self.rows[index].leaf)

    def checkpoints(self, since: int = 0) -> Iterator[tuple[int, str]]:
        return (each for each in sorted(self.notes) if each[0] >= since)

    def latest_checkpoint(self) -> tuple[int, str] | None:
        return max(self.notes, default=None)


def prediction_id(number: int) -> str:
    """As random as a real one: stores sort by it."""
    return sha256(b"%d" % number).hexdigest()[:32]


def prediction(number: int, *, label: str = "malignant") -> Record:
    """A record of a prediction with the parts that a real one has."""
    found_by = prediction_id(number), f"request-{number}"
    fields = {
        "prediction_id": found_by[0],
        "request_id": found_by[1],
        "served": {"model": "ab" * 32, "name": "classifier", "version": "3"},
        "worker": "host-1",
    }
    payload = {"caller": None, "inputs": "AAAAAAAA8D8=", "label": label, "probability": 0.25}
    time = BEGAN + timedelta(milliseconds=number)
    return event(RecordType.PREDICTION, fields, time=time, payload=payload, ids=found_by)


def erasure(index: int, number: int) -> Record:
    """A record that tells of the erasure of the prediction `number`, which is record `index`."""
    fields = {"basis": "GDPR Art. 17(1)(b)", "erased": [[index, index + 1]], "prediction_id": prediction_id(number)}
    return event(RecordType.ERASURE, fields, time=BEGAN + timedelta(days=1), ids=(prediction_id(number),))
