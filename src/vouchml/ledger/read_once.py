"""A store of which each run of hashes is read once: the proofs of one trace have most of them in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vouchml.ledger.record import RecordType
from vouchml.ledger.store.base import Checkpoint, Entry, LedgerStore


class ReadOnce:
    """What a trace reads of `store`. For one trace: what is appended meanwhile stands behind what it proves."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._hashes: dict[tuple[int, int, int], Sequence[bytes]] = {}

    def read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """Hashes for proofs."""
        key = (level, start, end)
        if key not in self._hashes:
            self._hashes[key] = self._store.read(level, start, end)
        return self._hashes[key]

    def entry(self, index: int) -> Entry:
        """The record at a place."""
        return self._store.entry(index)

    def find(self, name: str, /) -> Sequence[int]:
        """The places of the records with the id `name`."""
        return self._store.find(name)

    def events(self, kind: RecordType, *, before: int | None = None) -> Iterator[Entry]:
        """The records of a type that is not frequent, the latest first."""
        return self._store.events(kind, before=before)

    def latest_checkpoint(self) -> Checkpoint | None:
        """The checkpoint of the largest size."""
        return self._store.latest_checkpoint()
