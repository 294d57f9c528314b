"""The service's part of RESULTS.md: the tables, what they were measured on and with, and the plot."""

from __future__ import annotations

from pathlib import Path

from benchmarks.results_file import markdown_table, write_part
from benchmarks.serving.results import Results
from benchmarks.serving.tables import TextTable, conditions, tables


def write_report(results: Results, target: Path, plot: Path) -> None:
    """Write the report into `target`; `plot` lies beside it."""
    parts = [
        "Written by `make bench-serving`; benchmarks/serving/README.md says how each number is taken.",
        f"- Date: {results.date}\n- Machine: {results.machine}\n- Commit: {results.commit}\n"
        f"- {conditions(results)}\n"
        f"- Rounds: {results.rounds}, {results.seconds:g} s for each number of connections",
        f"![Requests a second of each contender]({plot.name})",
        *(_markdown(table) for table in tables(results)),
        "## What was measured",
        *(f"**{entry.name}** ({entry.kind}): {entry.what}. {', '.join(entry.versions)}" for entry in results.contests),
    ]
    write_part(target, "Serving, measured side by side", parts)


def _markdown(table: TextTable) -> str:
    return f"## {table.title}\n\n" + markdown_table(table.headings, table.rows, left=table.left)
