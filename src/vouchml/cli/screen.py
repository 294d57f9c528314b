"""What commands print with: data goes to standard output, progress and notes to standard error.

Rich is imported when something is printed, so that `vouch --help` does without it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

PIPED_WIDTH = 160


def output() -> Console:
    """The console of standard output."""
    return _console(stderr=False)


def notes() -> Console:
    """The console of standard error."""
    return _console(stderr=True)


def print_json(document: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def facts(rows: Sequence[tuple[str, str]]) -> Table:
    """Names on the left, what they are on the right."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, value)
    return grid


def columns(*headings: str, right: Sequence[str] = ()) -> Table:
    """An empty table with these headings; the numbers in `right` stand to the right."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        made.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return made


def show(*parts: RenderableType) -> None:
    """Print to standard output."""
    console = output()
    for part in parts:
        console.print(part)


def note(text: str) -> None:
    """Say something that is not data, with the commands in it as they can be typed here."""
    from vouchml.cli.typed import as_typed

    notes().print(as_typed(text))


@contextmanager
def steps(*, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show the step that is under way; on a terminal in one line with a spinner, else a line a step."""
    console = notes()
    if quiet:
        yield lambda _: None
    elif not console.is_terminal:
        yield lambda step: console.print(f"{step} …")
    else:
        with console.status("") as status:
            yield lambda step: status.update(f"{step} …")


def moment(when: datetime) -> str:
    """A time as people and programs read it: UTC, ISO 8601, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr, emoji=False, highlight=False, markup=False, width=None if stream.isatty() else PIPED_WIDTH
    )
