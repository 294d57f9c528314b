"""The ledger's part of RESULTS.md: the bars, the tables, what they were measured on, and the plot."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ledger.bars import judge
from benchmarks.ledger.results import LOOKUPS, Results, Stage
from benchmarks.results_file import markdown_table, write_part


def write_report(results: Results, target: Path, plot: Path) -> None:
    """Write the part into `target`; `plot` lies beside it."""
    records = results.stages[-1].records
    write_part(
        target,
        "The ledger, from its first record on",
        [
            "Written by `make bench-ledger`; benchmarks/README.md says how each number is taken. Costs are times of "
            "the processor, so that other programs on the machine count little; those of a clock stand beside them.",
            f"- Date: {results.date}\n- Machine: {results.machine}, all on one core\n- Commit: {results.commit}\n"
            f"- Load average before the run: {results.load_average:.1f}\n"
            f"- Store: {results.store}; groups of {results.group} records; the last {results.measured:,} of each stage "
            "are measured",
            f"![Append and look-ups by the number of records]({plot.name})",
            f"## The bars, at {records:,} records",
            markdown_table(("what", "bar", "measured", "verdict"), _bars(results)),
            "## An append, a record on disk",
            markdown_table(
                ("records", "µs of processor", "µs elapsed", "slowest commit ms", "bytes a record"),
                [_append(stage) for stage in results.stages],
                left=0,
            ),
            "## By a request id: median and 99 of 100, in ms of processor",
            markdown_table(("records", *LOOKUPS), [_lookups(stage) for stage in results.stages], left=0),
            "Elapsed, on this machine, which other programs used meanwhile:",
            markdown_table(("records", *LOOKUPS), [_elapsed(stage) for stage in results.stages], left=0),
            f"## Commands at {records:,} records, in ms of processor",
            markdown_table(
                ("command", "all of it", "with hardly any records", "what the records add"), _commands(results)
            ),
            _verified(results),
        ],
    )


def _bars(results: Results) -> list[tuple[str, ...]]:
    return [
        (
            bar.what,
            f"{bar.sense} {bar.bound:,g} {bar.unit}".strip(),
            "" if bar.measured is None else f"{bar.measured:,.{0 if bar.measured >= 100 else 2}f} {bar.unit}".strip(),
            bar.verdict,
        )
        for bar in judge(results)
    ]


def _append(stage: Stage) -> tuple[str, ...]:
    return (
        f"{stage.records:,}",
        f"{stage.append_processor:.1f}",
        f"{stage.append_elapsed:.0f}",
        f"{stage.slowest_commit:.0f}",
        "not known" if stage.bytes_a_record is None else f"{stage.bytes_a_record:.0f}",
    )


def _lookups(stage: Stage) -> tuple[str, ...]:
    times = (stage.lookups[name] for name in LOOKUPS)
    return (f"{stage.records:,}", *(f"{each.median:.2f}, {each.p99:.2f}" for each in times))


def _elapsed(stage: Stage) -> tuple[str, ...]:
    times = (stage.lookups[name] for name in LOOKUPS)
    return (f"{stage.records:,}", *(f"{each.median_elapsed:.2f}, {each.p99_elapsed:.2f}" for each in times))


def _commands(results: Results) -> list[tuple[str, ...]]:
    return [
        (
            f"`{command.name}`",
            f"{command.milliseconds:.0f}",
            f"{command.milliseconds_when_small:.0f}",
            f"{command.milliseconds - command.milliseconds_when_small:.1f}",
        )
        for command in results.commands
    ]


def _verified(results: Results) -> str:
    verified = results.verified
    return (
        f"`vouch ledger verify` with one process went through {verified.records:,} records in "
        f"{verified.processor:.1f} s of processor, {verified.elapsed:.1f} s elapsed, its start included: "
        f"{verified.records / verified.processor:,.0f} records/s. It found: {verified.outcome}."
    )
