"""`vouch outcome`: record what turned out to be true."""

from __future__ import annotations

from typing import Annotated

import typer

from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.screen import print_json, show
from vouchml.cli.trace import Row


def outcome(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="PREDICTION_ID", help="The prediction_id of an answer.")],
    label: Annotated[str, typer.Argument(metavar="LABEL", help="What turned out to be true: a label of the model.")],
    row: Row = None,
    who: Annotated[
        str | None,
        typer.Option("--who", metavar="NAME", help="Who says so.  [default: git's user.name, else the login]"),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Record what turned out to be true about a prediction.

    The label is in the payload, which can be erased; the latest outcome of a prediction counts.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.outcomes import record_outcome
    from vouchml.project.person import person_at

    place = record_outcome(settings, name, label, row=row, who=who or person_at(settings.root))
    if as_json:
        print_json({"record": place})
        return
    show(f"Recorded as record {place}.")
