"""`vouch doctor`: what is wrong here, and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from vouchml.cli.options import Config, Json, config_file
from vouchml.cli.screen import columns, print_json, show, steps
from vouchml.cli.typed import as_typed

if TYPE_CHECKING:
    from rich.text import Text


def doctor(ctx: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """Say what is wrong with this machine or project, and the fix.

    The exit status is 1 when something must be mended.
    """
    from vouchml.project.doctor import Outcome, examine

    with steps(quiet=as_json) as progress:
        progress("Examining")
        findings = list(examine(config_file(ctx, config)))
    problems = sum(finding.outcome is Outcome.PROBLEM for finding in findings)
    if as_json:
        print_json({"problems": problems, "findings": [finding.to_dict() for finding in findings]})
    else:
        made = columns("Check", "Outcome", "Found")
        styles = {Outcome.OK: "green", Outcome.WARNING: "yellow", Outcome.PROBLEM: "red"}
        for finding in findings:
            found = f"{finding.found}\nFix: {as_typed(finding.fix)}" if finding.fix else finding.found
            made.add_row(finding.check, _styled(finding.outcome.value, styles[finding.outcome]), found)
        show(made)
    if problems:
        raise typer.Exit(1)


def _styled(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(text, style=style)
