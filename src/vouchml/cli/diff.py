"""`vouch diff`: what differs between two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.screen import columns, facts, note, print_json, show, steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from vouchml.governance.common_rows import CommonRows
    from vouchml.project.comparing import VersionsCompared

SHOWN = 15
ROWS_NAMED = 20

_HOW = "A number, an alias such as @staging, a stage, or a models:/ URI."


def diff(
    ctx: typer.Context,
    first: Annotated[str, typer.Argument(metavar="VERSION", help=_HOW)],
    second: Annotated[str, typer.Argument(metavar="OTHER", help="The version that it is compared with.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show what differs between two versions.

    Their data, settings, split, environment, git commit, contract and evidence; their metrics; and, where both were
    tested on rows of the table that is here, what they answer to the same ones, with paired intervals.
    """
    settings = project_settings(ctx, config)
    with steps(quiet=quiet) as progress:
        progress("Loading the libraries")
        from vouchml.project.comparing import compare_versions

        compared = compare_versions(settings, first, second, progress=progress)
    if as_json:
        print_json(compared.to_dict())
        return
    show(_differences(compared), "", _metrics(compared), "")
    show(facts(_rows(compared)))


def _differences(compared: VersionsCompared) -> Table:
    made = columns("Part", "What", f"Version {compared.first.number}", f"Version {compared.second.number}")
    for part, found in compared.parts.items():
        if not found:
            made.add_row(part, "the same", "", "")
        for each in found[:SHOWN]:
            made.add_row(part, each.place, _cell(each.first), _cell(each.second))
        if len(found) > SHOWN:
            note(f"{part}: {len(found) - SHOWN} more differences; --json lists them.")
    return made


def _metrics(compared: VersionsCompared) -> Table:
    one, two = compared.first, compared.second
    better = f"Version {two.number} is better by (same rows)"
    made = columns("Metric", f"Version {one.number}", f"Version {two.number}", better, "Method")
    paired = compared.common.paired if compared.common else {}
    for name in dict.fromkeys((*one.metrics, *two.metrics)):
        advantage = paired.get(name)
        interval = f"{advantage.value:+.4f} ({advantage.low:+.4f} to {advantage.high:+.4f})" if advantage else ""
        made.add_row(
            name,
            _estimate(one.metrics.get(name)),
            _estimate(two.metrics.get(name)),
            interval,
            advantage.method if advantage else "",
        )
    return made


def _rows(compared: VersionsCompared) -> list[tuple[str, str]]:
    sides = [
        (f"Version {each.number}", f"run {each.run_id}, model digest {each.model_digest}")
        for each in (compared.first, compared.second)
    ]
    common = compared.common
    return [*sides, *(_answers(common) if common else [("Not compared", compared.not_compared)])]


def _answers(common: CommonRows) -> list[tuple[str, str]]:
    if not common.rows:
        return [("Not compared", common.problem)]
    named = ", ".join(str(row) for row in common.changed[:ROWS_NAMED])
    more = f" and {len(common.changed) - ROWS_NAMED} more" if len(common.changed) > ROWS_NAMED else ""
    return [
        ("Common test rows", f"{common.rows}"),
        ("Labels that differ", f"{common.labels_changed}{f' (data rows from 0: {named}{more})' if named else ''}"),
        ("Largest |Δp|", f"{common.max_abs_difference:.3g}"),
        *([("Note", common.problem)] if common.problem else []),
    ]


def _estimate(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate['value']:.4f} ({estimate['low']:.4f} to {estimate['high']:.4f})"


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
