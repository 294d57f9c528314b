"""`vouch audit`: does a decision stand behind every pointer, and a move in the ledger?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.screen import columns, note, print_json, show, steps

if TYPE_CHECKING:
    from vouchml.project.audit import Judged

NOT_IN_ORDER = 1


def audit(
    ctx: typer.Context,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Name every pointer that no decision supports, or that vouch did not move.

    Judges each version that a stage or an alias names, as the service would, and compares the pointers with the last
    promotion or rollback in the ledger: MLflow lets anybody move them. Exits with 1 when one names a version that may
    not serve, or is elsewhere than the ledger says.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.audit import audit as judge_pointers

    with steps(quiet=quiet or as_json) as progress:
        progress("Judging what the pointers name")
        judged = list(judge_pointers(settings))
    if as_json:
        print_json([_document(each) for each in judged])
    else:
        made = columns("Pointer", "Version", "Supported", "Moved by vouch", "By, or why not", right=("Version",))
        for each in judged:
            word = "yes" if each.supported else f"NO: {each.reason}"
            number = "-" if each.version is None else str(each.version)
            moved = ("yes" if each.explained else "NO") if settings.ledger.url else "no ledger to ask"
            made.add_row(", ".join(each.pointers), number, word, moved, each.told)
        show(settings.project.registered_model, made)
        if not judged:
            note("No stage and no alias names a version.")
        for told in dict.fromkeys(stray.told for each in judged for stray in each.strays):
            note(told)
        for remedy in dict.fromkeys(remedy for each in judged for remedy in each.remedies):
            note(remedy)
    raise typer.Exit(0 if all(each.supported and each.explained for each in judged) else NOT_IN_ORDER)


def _document(judged: Judged) -> dict[str, Any]:
    return {
        "pointers": list(judged.pointers),
        "version": judged.version,
        "model_digest": judged.digest,
        "supported": judged.supported,
        "explained": judged.explained,
        "code": judged.reason or None,
        "told": judged.told,
        "strays": [stray.told for stray in judged.strays],
        "remedies": list(judged.remedies),
    }
