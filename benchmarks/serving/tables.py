"""The results as tables of text: one form for the screen and for RESULTS.md."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.serving.bars import MIB, OURS, judge
from benchmarks.serving.results import Batch, Contest, Results

QUIET_BELOW = 0.5


@dataclass(frozen=True)
class TextTable:
    """A title, the headings and the cells. The first `left` columns are words, the others numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


def conditions(results: Results) -> str:
    """How busy the machine was when the run began, and what that means."""
    busy = f"Load average before the run: {results.load_average:.1f}"
    return busy if results.load_average < QUIET_BELOW else f"{busy}. The machine was not quiet: these figures are noise"


def tables(results: Results) -> tuple[TextTable, ...]:
    """Every table that has something to show."""
    made = (
        _contest_table(results),
        _absent_table(results),
        _bar_table(results),
        _batch_table(results),
        _decoding_table(results),
        _switch_table(results),
        _soak_table(results),
    )
    return tuple(table for table in made if table.rows)


def _contest_table(results: Results) -> TextTable:
    ours = results.contest(OURS)
    headings = ("contender", "kind", "req/s 32", "ours is", "p50 32", "p99 32", "req/s 1", "p50 1", "p99 1")
    more = ("errors", "PSS MiB", "worker MiB", "start s", "first start s")
    title = "One row a request, 32 connections and 1; server on one core; medians of the rounds; times in µs"
    rows = tuple(_contest_row(entry, ours) for entry in results.contests if entry.rounds)
    return TextTable(title, headings + more, rows, left=2)


def _contest_row(entry: Contest, ours: Contest | None) -> tuple[str, ...]:
    ratio = f"{ours.requests_per_second(32) / entry.requests_per_second(32):.2f} times" if ours else ""
    return (
        entry.name,
        entry.kind,
        f"{entry.requests_per_second(32):,.0f}",
        ratio,
        f"{entry.p50(32):,.0f}",
        f"{entry.p99(32):,.0f}",
        f"{entry.requests_per_second(1):,.0f}",
        f"{entry.p50(1):,.0f}",
        f"{entry.p99(1):,.0f}",
        f"{entry.errors}",
        f"{entry.pss / MIB:.0f}",
        f"{entry.worker_rss / MIB:.0f}",
        f"{entry.cold_start_seconds:.2f}",
        "" if entry.first_start_seconds is None else f"{entry.first_start_seconds:.2f}",
    )


def _absent_table(results: Results) -> TextTable:
    rows = tuple((entry.name, entry.kind, entry.reason) for entry in results.contests if entry.reason)
    return TextTable("Not measured, or not in every round", ("contender", "kind", "why"), rows, left=3)


def _bar_table(results: Results) -> TextTable:
    rows = tuple(
        (
            bar.what,
            f"{bar.sense} {bar.bound:g} {bar.unit}".strip(),
            "" if bar.measured is None else f"{bar.measured:,.2f} {bar.unit}".strip(),
            bar.verdict,
        )
        for bar in judge(results)
    )
    return TextTable("The bars", ("what", "bar", "measured", "verdict"), rows)


def _batch_table(results: Results) -> TextTable:
    rows = tuple((entry.contender, entry.door, *_batch_cells(entry)) for entry in results.batches)
    title = "10,000 rows in one request, from the first byte sent to the last received"
    return TextTable(title, ("contender", "door", "ms", "rows/s"), rows, left=2)


def _batch_cells(entry: Batch) -> tuple[str, str]:
    if entry.seconds is None or entry.rows_per_second is None:
        return entry.reason, ""
    return f"{entry.seconds * 1e3:,.1f}", f"{entry.rows_per_second:,.0f}"


def _decoding_table(results: Results) -> TextTable:
    rows = tuple(
        (entry.decoder, entry.door, f"{entry.bytes / MIB:.1f}", f"{entry.seconds * 1e3:,.1f}")
        for entry in results.decodings
    )
    return TextTable("JSON decoding alone of the same bytes", ("decoder", "body for", "MiB", "ms"), rows, left=2)


def _switch_table(results: Results) -> TextTable:
    switch = results.switch
    if switch is None:
        return TextTable("", (), ())
    title = f"The stage moves while {switch.rate:,} requests a second come"
    if switch.reason:
        return TextTable(title, ("not measured",), ((switch.reason,),))
    served = ", ".join(f"{seconds:.1f}" for seconds in switch.seconds_until_served)
    headings = ("switches", "requests", "errors", "mixed", "steady p99 µs", "switching p99 µs", "s until served")
    row = (
        f"{switch.switches}",
        f"{switch.requests:,}",
        f"{switch.errors}",
        f"{switch.mixed}",
        f"{switch.steady_p99:,.0f}",
        f"{switch.switching_p99:,.0f}",
        served,
    )
    return TextTable(title, headings, (row,), left=0)


def _soak_table(results: Results) -> TextTable:
    if results.soak is None:
        return TextTable("", (), ())
    samples = results.soak.samples
    if not samples:
        return TextTable("Memory of the service over many requests", ("not measured",), ((results.soak.reason,),))
    shown = samples[:: max(1, len(samples) // 10)]
    kept = shown if shown[-1] == samples[-1] else (*shown, samples[-1])
    rows = tuple((f"{count:,}", f"{size / MIB:.1f}") for count, size in kept)
    ended = f"; ended early: {results.soak.reason}" if results.soak.reason else ""
    title = f"Memory of the service over many requests; errors: {results.soak.errors}{ended}"
    return TextTable(title, ("requests", "PSS MiB"), rows, left=0)
