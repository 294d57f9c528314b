"""`vouch init`: make a project for a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vouchml.cli.options import Config, config_file
from vouchml.cli.screen import facts, note, show

if TYPE_CHECKING:
    from vouchml.project.git_ignore import Ignored
    from vouchml.project.inspection import Declared, Inspection


def init(
    ctx: typer.Context,
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A CSV or Parquet file.")],
    target: Annotated[str, typer.Option("--target", metavar="COLUMN", help="The column to predict.")],
    positive: Annotated[
        str | None,
        typer.Option("--positive", metavar="VALUE", help="The class whose probability is served; guessed if left out."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="COLUMN", help="A column that is not a feature; may be given again."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a vouch.toml that is there.")] = False,
    config: Config = None,
) -> None:
    """Write a vouch.toml for a table never seen before.

    And a .gitignore for what vouchml makes beside it; one that is there gets the lines that it lacks.
    """
    from vouchml.project.git_ignore import ignore_what_is_made
    from vouchml.project.init import require_new, write_project
    from vouchml.project.inspection import inspect_table

    file = config_file(ctx, config)
    if not force:
        require_new(file)
    inspection = inspect_table(table, target=target, positive=positive, exclude=exclude or ())
    write_project(inspection, file, force=force)
    show(facts(_summary(inspection, file)))
    _tell_ignored(ignore_what_is_made(file.resolve().parent))
    note(f"Next: vouch up{'' if file.name == 'vouch.toml' else f' --config {file}'}")


def _summary(found: Inspection, file: Path) -> list[tuple[str, str]]:
    rows = sum(found.class_counts.values())
    classes = ", ".join(f"{found.labels[value]} ({count} rows)" for value, count in found.class_counts.items())
    lines = [
        ("Wrote", str(file)),
        ("Table", f"{found.path}: {rows} rows, {found.features} features"),
        ("Target", f"{found.target}: {classes}"),
        ("Positive class", f"{found.positive_class} ({found.positive_reason})"),
        *[("Left out", f"{column.name!r} {column.reason}") for column in found.left_out[:10]],
    ]
    if len(found.left_out) > 10:
        lines.append(("", f"and {len(found.left_out) - 10} more; {file.name} lists them"))
    if found.categorical:
        lines.append(("Categories", _counted(found.categorical, "values")))
    if found.nullable:
        lines.append(("Missing values", _counted(found.nullable, "rows")))
    if found.duplicates:
        lines.append(("Duplicates", f"{found.duplicates} rows repeat an earlier one and are dropped"))
    if found.identifiers:
        lines.append(("Identifier?", ", ".join(found.identifiers[:5]) + ": another whole number in every row"))
    return lines


def _tell_ignored(ignored: Ignored) -> None:
    if ignored.new:
        note(f"Wrote {ignored.file.name}: keys, ledger and runs are not for version control. Commit trust.toml.")
    elif ignored.added:
        note(f"Added to {ignored.file.name}, which was there: {' '.join(ignored.added)}")


def _counted(columns: Sequence[Declared], noun: str) -> str:
    """The first columns, each with its count."""
    told = ", ".join(f"{column.name!r} ({column.count} {noun})" for column in columns[:5])
    return f"{told}{f' and {len(columns) - 5} more' if len(columns) > 5 else ''}; declared in [data]"
