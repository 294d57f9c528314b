"""Sets of records as spans, in order: what millions of records have in common takes the room of a few."""

from __future__ import annotations

from collections.abc import Iterable

from vouchml.ledger.leaf import Span


def extend(spans: list[Span], start: int, end: int) -> None:
    """Add the records from `start` to `end`, which come after all that `spans` has."""
    if spans and spans[-1].end == start:
        spans[-1] = Span(spans[-1].start, end)
    else:
        spans.append(Span(start, end))


def union(spans: Iterable[Span]) -> list[Span]:
    """The same records in order, each once."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(end, merged[-1].end))
        else:
            merged.append(Span(start, end))
    return merged


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """The records of `spans` that are not in `taken`; both in order."""
    left: list[Span] = []
    holes = list(taken)
    position = 0
    for start, end in spans:
        while position < len(holes) and holes[position].end <= start:
            position += 1
        begin, hole = start, position
        while hole < len(holes) and holes[hole].start < end:
            if holes[hole].start > begin:
                left.append(Span(begin, holes[hole].start))
            begin = max(begin, holes[hole].end)
            hole += 1
        if begin < end:
            left.append(Span(begin, end))
    return left


def count(spans: Iterable[Span]) -> int:
    """How many records they are."""
    return sum(end - start for start, end in spans)
