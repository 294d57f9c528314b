"""Hold the tree that the records give against what the ledger keeps of it and what was signed.

When the records of a tile do not give the node that is kept over them, one of the two was changed. Both trees are
followed up to the next signed root, which says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vouchml.errors import LedgerInvalid
from vouchml.ledger.findings import Findings, Grade, records
from vouchml.ledger.proofs import HashReader
from vouchml.ledger.tree import TILE, TILE_LEVELS, CompactRange


@dataclass(frozen=True, slots=True)
class Mark:
    """A root in a checkpoint, and whether a known key signed it.

    `source` says where the checkpoint comes from when it is from outside, with the `grade` of that.
    """

    size: int
    root: bytes
    is_signed: bool = True
    source: str = ""
    grade: Grade = "C"


class TreeCheck:
    """The tree over records that come tile by tile, in order."""

    def __init__(self, tiles: CompactRange, kept: HashReader, findings: Findings) -> None:
        """Begin with the tree over `tiles` whole tiles, each of which counts as a leaf of it."""
        self.fitting: list[Mark] = []
        self._tiles = tiles
        self._kept = kept
        self._findings = findings
        self._by_kept: CompactRange | None = None
        self._suspects: list[int] = []
        self._unfit: list[Mark] = []
        self._last_fit = tiles.size * TILE

    @property
    def tiles(self) -> int:
        """The whole tiles so far."""
        return self._tiles.size

    def add_tile(self, computed: bytes) -> None:
        """Go on by a tile whose records have the hash `computed`."""
        place = self._tiles.size
        kept = self._read(TILE_LEVELS, place)
        before = self._tiles
        self._tiles, completed = before.extend([computed])
        if kept not in (None, computed):
            self._suspects.append(place)
            self._by_kept = self._by_kept or before
        if self._by_kept is not None:
            self._by_kept, _ = self._by_kept.extend([kept or computed])
            return  # the nodes above cannot fit, which says nothing new
        for node in completed:
            above = node.level + TILE_LEVELS
            if self._read(above, node.place) not in (None, node.hash):
                start, end = node.place << above, node.place + 1 << above
                self._node_unfit(start, end)

    def meet(self, mark: Mark, edge: Sequence[bytes]) -> None:
        """Hold the tree against a signed root; `edge` are the subtrees of the leaves after the last whole tile."""
        if _root(self._tiles, mark.size, edge) == mark.root:
            self._settle(kept_is_right=False)
        elif self._by_kept is not None and _root(self._by_kept, mark.size, edge) == mark.root:
            self._tiles = self._by_kept
            self._settle(kept_is_right=True)
        else:
            self._unfit.append(mark)
            return
        self._tell_unfit()
        self._last_fit = mark.size
        self.fitting.append(mark)

    def finish(self, head: CompactRange, edge: Sequence[bytes]) -> None:
        """Hold the tree against the head that the ledger keeps."""
        self._tell_unfit()
        fits = [
            tree is not None and CompactRange(head.size, (*tree.hashes, *edge)) == head
            for tree in (self._tiles, self._by_kept)
        ]
        for place in self._suspects:
            start, end = place * TILE, (place + 1) * TILE
            message = f"What is kept of the tree does not fit {records(start, end)}: one of them was changed."
            self._findings.tampered("record", start, end, message)
        if not any(fits):
            message = "The head of the ledger is not what its records give."
            self._findings.tampered("head", self._last_fit, head.size, message)

    def _settle(self, *, kept_is_right: bool) -> None:
        for place in self._suspects:
            start, end = place * TILE, (place + 1) * TILE
            if kept_is_right:
                message = f"Changed, or not where it was recorded: something in {records(start, end)}."
                self._findings.tampered("record", start, end, message)
            else:
                self._node_unfit(start, end)
        self._suspects, self._by_kept = [], None

    def _node_unfit(self, start: int, end: int) -> None:
        message = f"The hash that the ledger keeps over {records(start, end)} is not theirs."
        self._findings.tampered("node", start, end, message)

    def _tell_unfit(self) -> None:
        """Tell of the marks that did not fit since the last one that did."""
        inside = [mark for mark in self._unfit if not mark.source]
        if inside:
            start, end = min(self._last_fit, inside[0].size - 1), inside[0].size
            more = f", nor {len(inside) - 1} later ones" if len(inside) > 1 else ""
            message = f"The checkpoint of {end} records does not fit{more}: changed is something in "
            self._findings.tampered("root", start, end, message + f"{records(start, end)}, or the checkpoint.")
        for mark in self._unfit:
            if mark.source:
                message = (
                    f"The ledger does not begin with the {mark.size} records that {mark.source} was signed over: "
                    "it was written anew."
                )
                self._findings.tampered("outside", 0, mark.size, message)
        self._unfit = []

    def _read(self, level: int, place: int) -> bytes | None:
        """A hash that is kept; None, and a finding, when it is missing."""
        try:
            found = list(self._kept.read(level, place, place + 1))
        except LedgerInvalid:
            found = []
        if len(found) == 1:
            return found[0]
        start, end = place << level, place + 1 << level
        self._findings.tampered("node", start, end, f"The ledger lacks the hash over {records(start, end)}.")
        return None


def _root(tiles: CompactRange, size: int, edge: Sequence[bytes]) -> bytes:
    return CompactRange(size, (*tiles.hashes, *edge)).root()
