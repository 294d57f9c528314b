"""Show the tables on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.serving.results import Results
from benchmarks.serving.tables import TextTable, conditions, tables

PIPED_WIDTH = 180


def show(results: Results) -> None:
    """Print every table."""
    console = Console(emoji=False, highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(emoji=False, highlight=False, markup=False, width=PIPED_WIDTH)
    console.print(f"{results.date}: {results.machine}", f"{conditions(results)}.", sep="\n")
    for table in tables(results):
        console.print()
        console.print(table.title)
        console.print(_rich(table))


def _rich(table: TextTable) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(table.headings):
        made.add_column(heading, justify="left" if index < table.left else "right", overflow="fold")
    for row in table.rows:
        made.add_row(*row)
    return made
