"""Prune payloads that were kept long enough, by type of record, except those that a hold keeps.

The record that tells of a prune is written before anything is destroyed: a program that ends in between leaves payloads
that the next prune takes, and never one that is missing without a record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from vouchml.errors import RetentionRefused
from vouchml.ledger.holds import Hold
from vouchml.ledger.leaf import Span
from vouchml.ledger.record import Record, RecordType, event, time_text
from vouchml.ledger.store.base import LedgerStore

#: Workers write their records a moment after the time in them, so that times are in order only about so well.
OUT_OF_ORDER: Final = timedelta(hours=1)
#: One record tells of so many spans at most; what is left is for the next.
MOST_SPANS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Prunable:
    """What would be pruned: `payloads` in the records of `spans`. `held` more are kept by a hold."""

    before: Mapping[str, str]
    spans: tuple[Span, ...]
    payloads: int
    held: int


def cutoffs(days: Mapping[Any, int], *, minimum_days: int, now: datetime, basis: str | None) -> Mapping[str, str]:
    """The times, by type of record, before which payloads may go.

    Raises:
        RetentionRefused: no type has a number of days, or one has fewer than the minimum and there is no basis.
    """
    if not days:
        raise RetentionRefused(
            "Nothing says how long payloads are kept, so none is pruned.", remedy="Set [ledger] retention_days."
        )
    early = sorted(kind for kind, kept in days.items() if kept < minimum_days)
    if early and basis is None:
        raise RetentionRefused(
            f"[ledger] retention_days of {', '.join(early)} is below the {minimum_days} days that the law wants.",
            remedy="Raise it, or say on what basis they go earlier, which is recorded: --basis TEXT",
        )
    return {str(kind): time_text(now - timedelta(days=kept)) for kind, kept in sorted(days.items())}


def find_prunable(
    store: LedgerStore,
    before: Mapping[str, str],
    holds: Sequence[Hold],
    *,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Prunable:
    """Go through the ledger from its beginning, as far as anything is old enough."""
    size, payloads, held = store.head().size, 0, 0
    last = _later(max(before.values()))
    spans: list[Span] = []
    is_open = False
    for entry in store.entries(0, size):
        fields = json.loads(entry.leaf)
        if fields["time"] > last:
            break
        progress(entry.index, size)
        if entry.payload is None:
            continue  # a span goes on over records that have none
        if fields["time"] >= before.get(fields["type"], ""):
            is_open = False
        elif any(hold.covers(entry.index, fields) for hold in holds):
            held += 1
            is_open = False
        elif not is_open and len(spans) == MOST_SPANS:
            break
        else:
            start = spans.pop().start if is_open else entry.index
            spans.append(Span(start, entry.index + 1))
            payloads += 1
            is_open = True
    return Prunable(before, tuple(spans), payloads, held)


def prune_record(prunable: Prunable, *, who: str, basis: str | None, time: datetime) -> Record:
    """The record that tells of a prune."""
    fields = {
        "basis": basis,
        "before": dict(prunable.before),
        "count": prunable.payloads,
        "erased": [list(span) for span in prunable.spans],
        "held": prunable.held,
        "who": who,
    }
    return event(RecordType.RETENTION_PRUNE, fields, time=time)


def _later(time: str) -> str:
    return time_text(datetime.fromisoformat(time) + OUT_OF_ORDER)
