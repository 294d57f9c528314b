"""Gather the signed roots that a ledger is held against: its own checkpoints, and those that were kept elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vouchml.errors import CheckpointInvalid, LedgerInvalid, ProofInvalid
from vouchml.ledger.checkpoint import Checkpoint, VerifierKey, read_note
from vouchml.ledger.findings import Findings, Grade
from vouchml.ledger.proofs import HashReader, consistency_proof, verify_consistency
from vouchml.ledger.tree_check import Mark


class CheckpointSource(HashReader, Protocol):
    """What the ledger's own checkpoints are read from: a store."""

    def origin(self) -> str:
        """The name of the ledger."""
        ...

    def checkpoints(self, since: int = 0) -> Iterator[tuple[int, str]]:
        """Size and note of the checkpoints from a size on, the smallest first."""
        ...


@dataclass(frozen=True, slots=True)
class OutsideCheckpoint:
    """A checkpoint that was kept elsewhere: where, and how much that is worth."""

    note: str
    source: str
    grade: Grade


@dataclass(slots=True)
class Marks:
    """The roots to hold the records against, the smallest first; `seen` of them are checkpoints of the ledger itself.

    `proved` are outside checkpoints of the part that is trusted, with which that part was proved consistent.
    """

    waiting: list[Mark] = field(default_factory=list)
    proved: list[Mark] = field(default_factory=list)
    seen: int = 0


class MarkGatherer:
    """Reads and checks checkpoints; what is wrong with them goes to `findings`."""

    def __init__(self, store: CheckpointSource, verifiers: Sequence[VerifierKey], findings: Findings) -> None:
        self._store = store
        self._verifiers = verifiers
        self._findings = findings
        self._origin = store.origin()

    def trusted(self, note: str) -> Checkpoint:
        """The checkpoint that a verification begins at.

        Raises:
            CheckpointInvalid: it is none, is of another ledger, or none of the keys signed it.
        """
        checkpoint, is_signed = self._opened(note)
        if self._verifiers and not is_signed:
            raise CheckpointInvalid(
                "None of the given keys signed the checkpoint to verify from.",
                remedy="Give the verifier key of the ledger, or verify from the start.",
            )
        return checkpoint

    def gather(self, size: int, since: Checkpoint | None, outside: Sequence[OutsideCheckpoint]) -> Marks:
        """The roots to hold the first `size` records against, from those that `since` covers on."""
        marks = Marks()
        marks.waiting.extend(self._own(size, 0 if since is None else since.size, marks))
        if since is not None and since.size > size:
            self._truncated(size, since.size, "the checkpoint to verify from")
        elif since is not None:
            marks.waiting.append(Mark(since.size, since.root, bool(self._verifiers)))
        for each in outside:
            mark = self._outside(each, size)
            if mark is None:
                continue
            if since is None or mark.size >= since.size:
                marks.waiting.append(mark)
            elif self._is_consistent(mark, since):
                marks.proved.append(mark)
        marks.waiting.sort(key=lambda mark: mark.size)
        return marks

    def _own(self, size: int, since: int, marks: Marks) -> Iterator[Mark]:
        unsigned = []
        for kept_size, note in self._store.checkpoints(since):
            try:
                checkpoint, is_signed = self._opened(note)
            except CheckpointInvalid as error:
                self._findings.tampered("checkpoint", 0, kept_size, f"Checkpoint of {kept_size}: {error.message}")
                continue
            if checkpoint.size != kept_size:
                message = f"The checkpoint that is kept for {kept_size} records is of {checkpoint.size}."
                self._findings.tampered("checkpoint", 0, kept_size, message)
            elif kept_size > size:
                self._truncated(size, kept_size, "a checkpoint in the ledger")
            else:
                marks.seen += 1
                if not is_signed:
                    unsigned.append(kept_size)
                yield Mark(kept_size, checkpoint.root, is_signed)
        if unsigned:
            message = f"None of the given keys signed {len(unsigned)} checkpoints, the last of {unsigned[-1]} records."
            self._findings.incomplete("checkpoint", 0, unsigned[-1], message)

    def _outside(self, outside: OutsideCheckpoint, size: int) -> Mark | None:
        try:
            checkpoint, is_signed = self._opened(outside.note)
        except CheckpointInvalid as error:
            self._findings.incomplete("outside", 0, 0, f"{outside.source} is no evidence: {error.message}")
            return None
        if not is_signed:
            message = f"{outside.source} is no evidence: none of the given keys signed it."
            self._findings.incomplete("outside", 0, 0, message)
            return None
        if checkpoint.size > size:
            self._truncated(size, checkpoint.size, outside.source)
            return None
        return Mark(checkpoint.size, checkpoint.root, is_signed, outside.source, outside.grade)

    def _opened(self, note: str) -> tuple[Checkpoint, bool]:
        signed = read_note(note)
        checkpoint = Checkpoint.parse(signed.text)
        names = {key.name for key in signed.signed_by(*self._verifiers)}
        if checkpoint.origin != self._origin or (names and checkpoint.origin not in names):
            raise CheckpointInvalid("It is of another ledger, or was signed by the key of another one.")
        return checkpoint, bool(names)

    def _truncated(self, size: int, signed: int, source: str) -> None:
        message = f"The end is cut off: {source} was signed over {signed} records, and the ledger has {size}."
        self._findings.tampered("truncated", size, signed, message)

    def _is_consistent(self, mark: Mark, since: Checkpoint) -> bool:
        """Whether the trusted tree begins with an outside one, without going through its records again."""
        try:
            proof = consistency_proof(mark.size, since.size, self._store)
            verify_consistency(mark.size, mark.root, since.size, since.root, proof)
        except (ProofInvalid, LedgerInvalid):
            message = (
                f"The ledger does not begin with the {mark.size} records that {mark.source} was signed over, "
                "or lacks the hashes to prove it."
            )
            self._findings.tampered("outside", 0, mark.size, message)
            return False
        return True
