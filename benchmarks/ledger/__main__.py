"""`python -m benchmarks.ledger`: fill a ledger, measure on the way and at the end, print, and write RESULTS.md."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.ledger.bars import judge
from benchmarks.ledger.commands import measure_commands, measure_verifying
from benchmarks.ledger.grown import GrownLedger
from benchmarks.ledger.lookups import measure_lookups
from benchmarks.ledger.plot import draw
from benchmarks.ledger.report import write_report
from benchmarks.ledger.results import Results, Stage
from benchmarks.serving.machine import REPOSITORY, commit, describe, forget_settings_of_the_caller, load_average

RESULTS: Final = REPOSITORY / "benchmarks" / "RESULTS.md"
FIGURES: Final = REPOSITORY / "benchmarks" / "ledger" / "results.json"
PLOT: Final = REPOSITORY / "benchmarks" / "ledger.png"

STAGES: Final = 10
#: As many records as are sorted into one block of the index by ids, so that every stage has each kind of work once.
MEASURED: Final = 65_536
HARDLY_ANY: Final = 1_000


def main() -> None:
    """Measure what the command line says; write the report if it was ten million records."""
    chosen = _options()
    forget_settings_of_the_caller()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load, began = load_average(), datetime.now(UTC)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(dir=chosen.folder)))
        grown = stack.enter_context(closing(GrownLedger(folder / "grown", chosen.url)))
        stages = []
        for number in range(STAGES + 1):
            records = max(MEASURED, chosen.records * number // STAGES)
            stages.append(_stage(grown, records, chosen.group))
        small = stack.enter_context(closing(GrownLedger(folder / "small")))
        small.grow(HARDLY_ANY, chosen.group)
        small.sign()
        _say("Running vouch receipt, vouch trace and vouch ledger verify")
        results = Results(
            date=began.strftime("%Y-%m-%dT%H:%M:%SZ"),
            machine=describe(),
            load_average=load,
            commit=commit(),
            store="PostgreSQL" if chosen.url else "SQLite",
            group=chosen.group,
            measured=MEASURED,
            stages=tuple(stages),
            commands=measure_commands(grown, small),
            verified=measure_verifying(grown),
        )
    _write(results, keep=not chosen.url and stages[-1].records >= 10_000_000)
    sys.exit(any(bar.verdict == "missed" for bar in judge(results)))


def _stage(grown: GrownLedger, records: int, group: int) -> Stage:
    grown.grow(records - MEASURED)
    appended = grown.grow(records, group)
    grown.sign()
    on_disk = grown.bytes_on_disk
    stage = Stage(
        records=grown.size,
        append_processor=appended.processor / appended.records * 1e6,
        append_elapsed=appended.elapsed / appended.records * 1e6,
        slowest_commit=appended.slowest * 1e3,
        bytes_a_record=None if on_disk is None else on_disk / grown.size,
        lookups=measure_lookups(grown.settings, grown.request_ids),
    )
    looked_up = ", ".join(f"{name} {times.median:.2f} ms" for name, times in stage.lookups.items())
    _say(f"{stage.records:,} records: append {stage.append_processor:.1f} µs of processor, {looked_up}")
    return stage


def _write(results: Results, *, keep: bool) -> None:
    for bar in judge(results):
        measured = "" if bar.measured is None else f"{bar.measured:,.2f} {bar.unit}"
        print(f"{bar.verdict:13} {bar.what}: {measured} ({bar.sense} {bar.bound:,g})")
    if not keep:
        _say("Only a run of ten million records in SQLite is written down.")
        return
    results.save(FIGURES)
    draw(results, PLOT)
    write_report(results, RESULTS, PLOT)
    _say(f"Wrote {', '.join(str(file.relative_to(REPOSITORY)) for file in (FIGURES, PLOT, RESULTS))}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description="Measure the ledger as it grows.")
    parser.add_argument("--records", type=int, default=10_000_000, help="at the end  [default: ten million]")
    parser.add_argument("--group", type=int, default=32, help="records a commit where it is measured  [default: 32]")
    parser.add_argument("--folder", type=Path, help="where the temporary file is: 1 KiB a record")
    parser.add_argument("--url", default="", help="an empty PostgreSQL database instead")
    chosen = parser.parse_args()
    if chosen.records < STAGES * MEASURED or not 1 <= chosen.group <= MEASURED:
        parser.error(f"--records is at least {STAGES * MEASURED:,}, --group from 1 to {MEASURED:,}")
    return chosen


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
