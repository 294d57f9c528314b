"""What a verification of a ledger found, and what its result is worth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["tampered", "incomplete"]
Grade = Literal["A", "B", "C"]
FindingKind = Literal[
    "record", "payload", "node", "head", "root", "checkpoint", "outside", "truncated", "lookup", "gap", "erasure"
]

#: No more findings of a kind than these are kept; some changes would give one a record.
MOST_OF_A_KIND: Final = 100

GRADES: Final[dict[Grade, str]] = {
    "A": "an outside witness or a timestamp: evidence against the operator too, up to the last anchor",
    "B": "write-once storage or other administrators: evidence unless they work together",
    "C": "this host only: internally consistent; not evidence against the operator",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: in the records from `start` to `end`, which is exclusive.

    `tampered`: something that was recorded is changed, missing or added. `incomplete`: something that would show
    whether it was is not there.
    """

    kind: FindingKind
    severity: Severity
    start: int
    end: int
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for the records from `start` to `size`.

    `signed` is the size of the last checkpoint that a given key signed and that fits the records, `anchored` that of
    the last one from outside; 0 without. `grade` is that of the best anchor that fits. `dropped` counts findings
    beyond those that are listed. `unchecked` says which timestamps nobody could check, and why: they count for nothing.
    """

    start: int
    size: int
    checkpoints: int
    signed: int
    anchored: int
    grade: Grade
    without_payload: int
    findings: tuple[Finding, ...]
    dropped: int = 0
    unchecked: tuple[str, ...] = ()

    @property
    def outcome(self) -> Literal["ok", "tampered", "incomplete"]:
        """`tampered` when anything is, `incomplete` when evidence lacks, otherwise `ok`."""
        severities = {finding.severity for finding in self.findings}
        if "tampered" in severities:
            return "tampered"
        return "incomplete" if severities else "ok"

    @property
    def exit_status(self) -> int:
        """The outcome for a shell: 0 ok, 1 tampered, 2 incomplete evidence."""
        return ("ok", "tampered", "incomplete").index(self.outcome)

    @property
    def unsigned_tail(self) -> int:
        """The records after the last checkpoint: whoever can write the store can change them unseen."""
        return self.size - self.signed

    @property
    def unanchored_tail(self) -> int:
        """The records after the last outside checkpoint: whoever has the key too can change them unseen."""
        return self.size - self.anchored


class Findings:
    """Gathers findings, the first `MOST_OF_A_KIND` of each."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.dropped = 0
        self._of_kind: Counter[FindingKind] = Counter()

    def add(self, finding: Finding) -> None:
        """Keep a finding, or count it."""
        self._of_kind[finding.kind] += 1
        if self._of_kind[finding.kind] <= MOST_OF_A_KIND:
            self.kept.append(finding)
        else:
            self.dropped += 1

    def tampered(self, kind: FindingKind, start: int, end: int, message: str) -> None:
        """Something is not what was recorded."""
        self.add(Finding(kind, "tampered", start, end, message))

    def incomplete(self, kind: FindingKind, start: int, end: int, message: str) -> None:
        """Something that would show it is not there."""
        self.add(Finding(kind, "incomplete", start, end, message))


def records(start: int, end: int) -> str:
    """The records from `start` to `end` (exclusive) in words."""
    return f"record {start}" if end - start == 1 else f"records {start} to {end - 1}"
