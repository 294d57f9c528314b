"""`vouch audit`: does a decision stand behind every pointer?"""

from __future__ import annotations

from typing import Annotated

import typer

from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.screen import columns, note, print_json, show, steps

UNSUPPORTED = 1


def audit(
    ctx: typer.Context,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Name every pointer that no decision supports.

    Judges each version that a stage or an alias names, as the service would. MLflow lets anybody move a pointer.
    Exits with 1 when one names a version that may not serve.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.audit import audit as judge_pointers

    with steps(quiet=quiet or as_json) as progress:
        progress("Judging what the pointers name")
        judged = list(judge_pointers(settings))
    unsupported = [each for each in judged if not each.supported]
    if as_json:
        print_json(
            [
                {
                    "pointers": list(each.pointers),
                    "version": each.version,
                    "model_digest": each.digest,
                    "supported": each.supported,
                    "code": each.reason or None,
                    "told": each.told,
                }
                for each in judged
            ]
        )
    else:
        made = columns("Pointer", "Version", "Supported", "By, or why not", right=("Version",))
        for each in judged:
            word = "yes" if each.supported else f"NO: {each.reason}"
            made.add_row(", ".join(each.pointers), str(each.version), word, each.told)
        show(settings.project.registered_model, made)
        if not judged:
            note("No stage and no alias names a version.")
        for remedy in dict.fromkeys(each.remedy for each in unsupported if each.remedy):
            note(remedy)
    raise typer.Exit(UNSUPPORTED if unsupported else 0)
