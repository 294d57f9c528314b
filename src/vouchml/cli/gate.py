"""`vouch gate`: hold a version against the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.screen import columns, facts, moment, note, print_json, show, steps

if TYPE_CHECKING:
    from rich.table import Table

    from vouchml.governance.finding import Finding
    from vouchml.governance.outcome import Outcome

PASSED: Final = 0
FAILED: Final = 1
INCONCLUSIVE: Final = 13


def gate(
    ctx: typer.Context,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A number, an alias such as @staging, a stage, or a models:/ URI.")
    ],
    explain: Annotated[bool, typer.Option("--explain", help="Say how each rule was decided, and by whose method.")] = (
        False
    ),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Hold a version against [policy], on the test rows of its own run.

    Exits with 0 for PASS, 1 for FAIL and 13 for INCONCLUSIVE: too few rows to say. docs/gates.md has every rule.
    """
    settings = project_settings(ctx, config)
    with steps(quiet=quiet) as progress:
        progress("Loading the libraries")
        from vouchml.governance.finding import Verdict
        from vouchml.governance.gate import gate_version

        outcome = gate_version(settings, version, progress=progress)
    if as_json:
        print_json(outcome.to_dict())
    else:
        _tell(outcome, explain=explain)
    statuses = {Verdict.PASS: PASSED, Verdict.FAIL: FAILED, Verdict.INCONCLUSIVE: INCONCLUSIVE}
    raise typer.Exit(statuses[outcome.verdict])


def _tell(outcome: Outcome, *, explain: bool) -> None:
    show(_rules(outcome.findings))
    if explain:
        from vouchml.governance.explanations import explanation_of

        seen = dict.fromkeys(finding.rule.partition(".")[0] for finding in outcome.findings)
        show(facts([(family, explanation_of(family)) for family in seen]))
    deciding = outcome.deciding
    champion = "none" if outcome.champion is None else f"version {outcome.champion}"
    show(
        facts(
            [
                ("Outcome", outcome.verdict.value),
                *([("Decided by", ", ".join(finding.rule for finding in deciding))] if deciding else []),
                ("Version", f"{outcome.version} of {outcome.name}, model digest {outcome.model_digest}"),
                ("Champion", champion),
                ("Test rows", f"{outcome.test_rows}, {outcome.test_positives} of them positive"),
                ("Judged on them before", ", ".join(str(number) for number in outcome.judged_before) or "no version"),
                ("Policy digest", outcome.policy_digest),
                ("Valid until", moment(outcome.valid_until)),
            ]
        )
    )
    for warning in outcome.warnings:
        note(f"Warning: {warning}")


def _rules(findings: tuple[Finding, ...]) -> Table:
    made = columns(
        "Rule", "Asked", "Found", "Verdict", "Decided by", "Rows", "Rows needed", right=("Rows", "Rows needed")
    )
    for finding in findings:
        made.add_row(
            finding.rule,
            finding.asked,
            finding.found,
            finding.verdict.value.replace("_", " "),
            finding.decided_by,
            "" if finding.rows is None else f"{finding.rows:,}",
            "" if finding.rows_needed is None else f"{finding.rows_needed:,}",
        )
    return made
