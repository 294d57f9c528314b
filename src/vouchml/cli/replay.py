"""`vouch replay`: score the recorded inputs again."""

from __future__ import annotations

from typing import Annotated

import typer

from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.progress import counted
from vouchml.cli.screen import columns, note, print_json, show

LISTED = 50


def replay(
    ctx: typer.Context,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only predictions from this time on, ISO 8601, in UTC."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Score the recorded inputs again with the recorded versions, and demand equal answers.

    Equal to the last bit. Exits with 0, with 1 when one differs, and with 2 when a version cannot be loaded.
    """
    settings = project_settings(ctx, config)
    from vouchml.cli.times import leaf_time
    from vouchml.project.open_ledger import reading
    from vouchml.project.recorded_versions import RecordedVersions
    from vouchml.project.replay import replay as score_again

    after = leaf_time(since)
    with reading(settings) as store, counted("Scoring", quiet=quiet) as progress:
        found = score_again(store, RecordedVersions(settings), since=after, progress=progress)
    if as_json:
        differences = [difference._asdict() for difference in found.differences]
        unavailable = dict(found.unavailable)
        print_json(
            {"equal": found.equal, "erased": found.erased, "differences": differences, "unavailable": unavailable}
        )
    else:
        if found.differences:
            made = columns("Record", "Prediction", "Version", "Recorded", "Scored again", right=("Record",))
            for each in found.differences[:LISTED]:
                made.add_row(
                    str(each.number), each.prediction_id, each.version, repr(each.recorded), repr(each.replayed)
                )
            show(made)
        show(f"{found.equal:,} equal, {len(found.differences):,} differ, {found.erased:,} erased.")
        for reason, count in found.unavailable.items():
            note(f"{count:,} not scored. {reason}")
    raise typer.Exit(found.exit_status)
