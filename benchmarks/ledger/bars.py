"""The bars of the ledger at size, and whether a run met them. Costs are judged by the processor's time."""

from __future__ import annotations

from benchmarks.ledger.results import Lookup, Results
from benchmarks.serving.bars import Bar

MILLIONS = 10
#: Of measured appends, which have noise: this much more than at the beginning is still the same.
FLAT = 1.25
_JUDGED: tuple[Lookup, ...] = ("receipt", "trace")


def judge(results: Results) -> tuple[Bar, ...]:
    """Every bar with what this run measured; one that did not come to ten million records measured none of them."""
    first, last = results.stages[0], results.stages[-1]
    whole = last.records >= MILLIONS * 1_000_000
    verified = results.verified
    grown = last.append_processor / first.append_processor
    speed = verified.records / verified.processor if verified.outcome == "ok" else None
    return (
        *(
            Bar(f"{name} by request id, {which}", "at most", 5, "ms", taken if whole else None)
            for name in _JUDGED
            for which, taken in (("median", last.lookups[name].median), ("99 of 100", last.lookups[name].p99))
        ),
        Bar("an append at the end ÷ at the beginning", "at most", FLAT, "", grown if whole else None),
        Bar("on disk, for 30 features", "at most", 1024, "bytes a record", last.bytes_a_record),
        Bar("vouch ledger verify, one process", "at least", 150_000, "records/s", speed),
    )
