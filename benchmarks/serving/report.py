"""Write RESULTS.md: the tables, what they were measured on and with, and the plot."""

from __future__ import annotations

from pathlib import Path

from benchmarks.serving.results import Results
from benchmarks.serving.tables import TextTable, conditions, tables


def write_report(results: Results, target: Path, plot: Path) -> None:
    """Write the report to `target`; `plot` lies beside it."""
    parts = [
        "# Serving, measured side by side",
        "Written by `make bench-serving`; benchmarks/serving/README.md says how each number is taken.",
        f"- Date: {results.date}\n- Machine: {results.machine}\n- Commit: {results.commit}\n"
        f"- {conditions(results)}\n"
        f"- Rounds: {results.rounds}, {results.seconds:g} s for each number of connections",
        f"![Requests a second of each contender]({plot.name})",
        *(_markdown(table) for table in tables(results)),
        "## What was measured",
        *(f"**{entry.name}** ({entry.kind}): {entry.what}. {', '.join(entry.versions)}" for entry in results.contests),
    ]
    target.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _markdown(table: TextTable) -> str:
    alignment = ["---" if index < table.left else "---:" for index in range(len(table.headings))]
    rows = (table.headings, tuple(alignment), *table.rows)
    lines = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return f"## {table.title}\n\n" + "\n".join(lines)
