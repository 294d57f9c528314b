"""`vouch approve`: a person signs what they say about a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vouchml.cli.asking import confirm, require_terminal
from vouchml.cli.options import Config, Json, Reference, project_settings
from vouchml.cli.screen import columns, facts, moment, note, print_json, show, steps
from vouchml.cli.typed import as_typed

if TYPE_CHECKING:
    from vouchml.project.approving import Shown
    from vouchml.project.private_copy import PrivateCopy


def approve(
    ctx: typer.Context,
    version: Reference,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="The name of the approver's key: vouch keys list.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is signed too.")],
    meaning: Annotated[
        str,
        typer.Option(
            "--meaning",
            metavar="MEANING",
            help="authored, reviewed, approved, rejected, or inconclusive accepted.",
        ),
    ] = "approved",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Sign what a person says about a version.

    It shows first what is there to be judged. The signature names the model digest and every file of evidence by
    its SHA-256. A rejection is taken back by a later approval of the same person.
    """
    settings = project_settings(ctx, config)
    from vouchml.project import approving
    from vouchml.project.private_copy import private_copy
    from vouchml.registry import ModelRegistry

    said = approving.a_meaning(meaning)
    approving.require_reason(reason)
    approving.require_signers(settings, name)
    require_terminal(yes=yes)
    with steps(quiet=as_json) as progress:
        progress("Fetching the version and its evidence")
        registry = ModelRegistry.connect(settings.tracking_uri)
        found = registry.version(settings.project.registered_model, version)
    with private_copy(registry, found) as copy:
        if not as_json:
            _tell(copy, approving.what_is_there(settings, copy))
        if not yes:
            confirm(f"Sign as {name}: {said}?")
        statement = approving.approve(settings, registry, copy, name=name, meaning=said, reason=reason)
    if as_json:
        print_json(
            {
                "version": found.number,
                "model_digest": copy.digest,
                "meaning": said,
                "file": statement.file,
                "sha256": statement.sha256,
                "by": name,
                "evidence": dict(approving.seen_by(copy)),
            }
        )
        return
    show(f"{name} signed: {said}. {statement.file}, SHA-256 {statement.sha256}")
    if said == "rejected":
        note(f"Whoever may write to MLflow can take this away. To stop the model for good: vouch revoke {found.number}")
    if said != "inconclusive accepted":
        note(f"The gate counts approvals when it decides: vouch gate {found.number}")


def _tell(copy: PrivateCopy, shown: Shown) -> None:
    decision, trainer = shown.decision, shown.trainer
    version = copy.version
    rows = [
        ("Version", f"{version.number} of {version.name}"),
        ("Model digest", copy.digest),
        ("Signed by", f"{trainer.name}, {trainer.email}" if trainer else "nobody whose signature counts"),
    ]
    if decision is None:
        rows.append(("Gate", as_typed(f"no decision: vouch gate {version.number}")))
    else:
        rows += [
            ("Gate", f"{decision.verdict}, by {decision.signer.name} at {moment(decision.decided_at)}"),
            ("Valid until", moment(decision.valid_until)),
            ("Policy digest", decision.policy),
        ]
    rows += [("Said before", f"{each.meaning}, {each.signer.name}: {each.reason}") for each in shown.approvals]
    show(facts(rows))
    from vouchml.project.approving import seen_by

    evidence = columns("Evidence", "SHA-256")
    for name, digest in seen_by(copy).items():
        evidence.add_row(name, digest)
    show(evidence)
    for problem in shown.problems:
        note(f"Does not count: {problem}")
