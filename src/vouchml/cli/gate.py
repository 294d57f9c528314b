"""`vouch gate`: hold a version against the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from vouchml.cli.options import Config, Json, Reference, project_settings
from vouchml.cli.screen import columns, facts, moment, note, print_json, show, steps

if TYPE_CHECKING:
    from rich.table import Table

    from vouchml.governance.finding import Finding
    from vouchml.governance.outcome import Outcome
    from vouchml.project.deciding import Decided

PASSED: Final = 0
FAILED: Final = 1
INCONCLUSIVE: Final = 13


def gate(
    ctx: typer.Context,
    version: Reference,
    explain: Annotated[bool, typer.Option("--explain", help="Say how each rule was decided, and by whose method.")] = (
        False
    ),
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="The name of the gate's key, where several are here.")
    ] = None,
    no_sign: Annotated[
        bool, typer.Option("--no-sign", help="Only say what comes of it; sign and keep nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Judge a version by the policy, sign the decision.

    It is judged on the test rows of its own run. Only evidence whose signatures count is believed. The decision is
    signed if a gate key is on this machine. Exits with 0 for PASS, 1 for FAIL and 13 for INCONCLUSIVE: too few rows
    to say. docs/gates.md has every rule.
    """
    settings = project_settings(ctx, config)
    with steps(quiet=quiet) as progress:
        progress("Loading the libraries")
        from vouchml.governance.finding import Verdict
        from vouchml.project.deciding import decide

        decided = decide(settings, version, name=name, sign=not no_sign, progress=progress)
    outcome = decided.outcome
    if as_json:
        print_json({**outcome.to_dict(), "decision": _document(decided)})
    else:
        tell_outcome(outcome, explain=explain)
        tell_decision(decided)
    statuses = {Verdict.PASS: PASSED, Verdict.FAIL: FAILED, Verdict.INCONCLUSIVE: INCONCLUSIVE}
    raise typer.Exit(statuses[outcome.verdict])


def tell_outcome(outcome: Outcome, *, explain: bool) -> None:
    """Print what the gate found."""
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


def tell_decision(decided: Decided) -> None:
    """Print where the signed decision is, or why there is none."""
    if decided.statement is not None:
        signed = f"by {', '.join(decided.statement.by)}: {decided.statement.file}"
        show(facts([("Decision signed", signed), ("Its SHA-256", decided.statement.sha256)]))
    elif decided.unsigned:
        note(f"The decision is not signed, so nothing can be promoted by it. {decided.unsigned}")
    for file, why in decided.refused.items():
        note(f"Does not count: {file}. {why}")


def _document(decided: Decided) -> dict[str, str] | None:
    statement = decided.statement
    return None if statement is None else {"file": statement.file, "sha256": statement.sha256}


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
