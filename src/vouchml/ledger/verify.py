"""Verify a ledger: every leaf, payload, node, checkpoint and the head, as far as what is there allows.

What a ledger says of itself shows accidents, and changes by somebody without its key. Only a checkpoint that was kept
elsewhere shows that its owner wrote it anew or cut its end off: `outside`.

```python
how = HowToVerify(outside=[OutsideCheckpoint(note, "the auditor's copy of 1 May", "A")])
verification = verify_ledger(store, [VerifierKey.parse(vkey)], how)
print(verification.outcome, verification.unanchored_tail, GRADES[verification.grade])
```
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final, Protocol

from vouchml.errors import LedgerInvalid
from vouchml.ledger.checkpoint import VerifierKey
from vouchml.ledger.examine import EntrySource, Stretch, examine
from vouchml.ledger.findings import Findings, Verification
from vouchml.ledger.marks import CheckpointSource, MarkGatherer, Marks, OutsideCheckpoint
from vouchml.ledger.payload_check import PayloadCheck
from vouchml.ledger.proofs import perfect_subtrees
from vouchml.ledger.record import RecordType
from vouchml.ledger.store.base import Entry
from vouchml.ledger.tree import TILE, CompactRange
from vouchml.ledger.tree_check import Mark, TreeCheck

STRETCH: Final = 64 * TILE
SAMPLES: Final = 500


class VerifiableStore(EntrySource, CheckpointSource, Protocol):
    """What a verification reads: a store."""

    def head(self) -> CompactRange:
        """The tree as the store keeps it."""
        ...

    def find(self, name: str, /) -> Sequence[int]:
        """The records that have an id."""
        ...

    def events(self, kind: RecordType, *, before: int | None = None) -> Iterator[Entry]:
        """The records of a type that is not frequent, the latest first; only those in front of the place `before`."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class HowToVerify:
    """What a verification looks at, and with how many processes; `open_store` opens the store in each of them.

    `since` is the note of a checkpoint: what it covers is not gone through again. About `samples` records must be found
    by their ids. When checkpoints are signed every `checkpoint_records`, a longer stretch without one is told.
    """

    since: str | None = None
    outside: Sequence[OutsideCheckpoint] = ()
    samples: int = SAMPLES
    checkpoint_records: int | None = None
    processes: int = 1
    open_store: Callable[[], VerifiableStore] | None = None


def verify_ledger(
    store: VerifiableStore,
    verifiers: Sequence[VerifierKey],
    how: HowToVerify | None = None,
    *,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Verification:
    """Verify the records that the ledger has now; `progress` is told how many of how many are done.

    `verifiers` are the keys that the ledger had one after another. Memory grows by a few bytes a checkpoint and a
    stretch of erased payloads, not with the records. Records may be appended and erased meanwhile.

    Raises:
        CheckpointInvalid: `since` is not a checkpoint of this ledger that one of the keys signed.
        LedgerUnavailable: the store cannot be read now.
    """
    return _Verifying(store, verifiers, how or HowToVerify(), progress).run()


class _Verifying:
    def __init__(
        self,
        store: VerifiableStore,
        verifiers: Sequence[VerifierKey],
        how: HowToVerify,
        progress: Callable[[int, int], None],
    ) -> None:
        self._store = store
        self._how = how
        self._progress = progress
        self._findings = Findings()
        self._gatherer = MarkGatherer(store, verifiers, self._findings)
        self._payloads = PayloadCheck()

    def run(self) -> Verification:
        since = None if self._how.since is None else self._gatherer.trusted(self._how.since)
        head = self._head()
        marks = self._gatherer.gather(head.size, since, self._how.outside)
        trusted = 0 if since is None or since.size > head.size else since.size
        tree = TreeCheck(self._tiles_before(trusted // TILE), self._store, self._findings)
        start = tree.tiles * TILE
        edge = self._go_through(tree, head.size, marks.waiting)
        tree.finish(head, edge)
        self._payloads.finish(self._store, head.size, self._head().size, self._findings)
        self._check_end(head.size)
        self._check_distances(tree.fitting, start, head.size)
        return self._result(head.size, start, marks, tree.fitting)

    def _head(self) -> CompactRange:
        try:
            return self._store.head()
        except LedgerInvalid as error:
            self._findings.tampered("head", 0, 0, error.message)
            return CompactRange()

    def _tiles_before(self, tiles: int) -> CompactRange:
        """The tree that is trusted to begin with: the first root that it is held against is the trusted one."""
        try:
            return CompactRange(tiles, perfect_subtrees(tiles * TILE, self._store).hashes)
        except LedgerInvalid as error:
            self._findings.tampered("node", 0, tiles * TILE, error.message)
            return CompactRange()  # so all of it is gone through

    def _go_through(self, tree: TreeCheck, size: int, marks: Sequence[Mark]) -> tuple[bytes, ...]:
        """Go through the records; what comes back are the perfect subtrees after the last whole tile."""
        waiting = deque(marks)
        edge: tuple[bytes, ...] = ()
        start = tree.tiles * TILE
        every = max(1, (size - start) // self._how.samples)
        for stretch in self._stretches(start, size, [mark.size for mark in marks], every):
            for computed in [*stretch.tiles, None]:
                while waiting and waiting[0].size // TILE == tree.tiles and waiting[0].size <= stretch.end:
                    mark = waiting.popleft()
                    tree.meet(mark, stretch.edges.get(mark.size, ()))
                if computed is not None:
                    tree.add_tile(computed)
            edge = CompactRange().extend(stretch.rest)[0].hashes
            self._take(stretch)
            self._progress(stretch.end, size)
        for mark in waiting:  # where there was nothing to go through
            tree.meet(mark, ())
        return edge

    def _stretches(self, start: int, end: int, sizes: Sequence[int], every: int) -> Iterator[Stretch]:
        parts = [(first, min(first + STRETCH, end)) for first in range(start, end, STRETCH)]
        asked = [
            (first, last, sizes[bisect_right(sizes, first) : bisect_right(sizes, last)], every) for first, last in parts
        ]
        open_store = self._how.open_store
        if self._how.processes == 1 or open_store is None or len(asked) < 2:
            for first, last, between, _ in asked:
                yield examine(self._store, first, last, sizes=between, sample_every=every)
            return
        with ProcessPoolExecutor(self._how.processes, mp_context=get_context("spawn")) as pool:
            handed = deque(pool.submit(_examine_in_process, open_store, *each) for each in asked)
            while handed:
                yield handed.popleft().result()

    def _take(self, stretch: Stretch) -> None:
        for finding in stretch.findings:
            self._findings.add(finding)
        self._payloads.add(stretch)
        for index, ids in stretch.sampled:
            if any(index not in self._store.find(each) for each in ids):
                message = f"Record {index} is there, but is not found by its ids."
                self._findings.tampered("lookup", index, index + 1, message)

        for index, kind in stretch.events:
            listed = next(self._store.events(kind, before=index + 1), None)
            if listed is None or listed.index != index:
                message = f"Record {index} is there, but is not in the list of its type, {kind}."
                self._findings.tampered("lookup", index, index + 1, message)

    def _check_end(self, size: int) -> None:
        try:
            self._store.entry(size)
        except LedgerInvalid:
            return
        if self._head().size == size:  # otherwise it was appended meanwhile
            message = f"There is a record {size} behind the end that the head names."
            self._findings.tampered("record", size, size + 1, message)

    def _check_distances(self, fitting: Sequence[Mark], start: int, size: int) -> None:
        signed = [mark.size for mark in fitting if mark.is_signed and not mark.source]
        if size and not signed:
            self._findings.incomplete("checkpoint", start, size, "No checkpoint of a given key fits the records.")
        every = self._how.checkpoint_records
        for before, after in zip([start, *signed], [*signed, size], strict=True):
            # A group that is written at once may be as long as the distance itself.
            if every is not None and after - before > 2 * every:
                message = f"There should be checkpoints between {before} and {after} records, and there are none."
                self._findings.incomplete("checkpoint", before, after, message)

    def _result(self, size: int, start: int, marks: Marks, fitting: Sequence[Mark]) -> Verification:
        outside = [*marks.proved, *(mark for mark in fitting if mark.source)]
        return Verification(
            start=start,
            size=size,
            checkpoints=marks.seen,
            signed=max((mark.size for mark in fitting if mark.is_signed), default=0),
            anchored=max((mark.size for mark in outside), default=0),
            grade=min((mark.grade for mark in outside), default="C"),
            without_payload=self._payloads.missing,
            findings=tuple(self._findings.kept),
            dropped=self._findings.dropped,
        )


def _examine_in_process(
    open_store: Callable[[], VerifiableStore], start: int, end: int, sizes: Sequence[int], every: int
) -> Stretch:
    with closing(open_store()) as store:
        return examine(store, start, end, sizes=sizes, sample_every=every)
