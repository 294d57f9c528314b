"""`vouch break-glass`: serve without the gate for a few hours, because two people say so."""

from __future__ import annotations

from typing import Annotated

import typer

from vouchml.cli.asking import confirm, require_terminal
from vouchml.cli.options import Config, Json, Reference, project_settings
from vouchml.cli.screen import moment, note, print_json, show


def break_glass(
    ctx: typer.Context,
    version: Reference,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is signed too.")],
    names: Annotated[
        list[str], typer.Option("--as", metavar="NAME", help="The name of an approver's key. Give it twice.")
    ],
    hours: Annotated[float, typer.Option("--hours", metavar="HOURS", help="For how long: 4 at most.")] = 1.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Let a version serve for hours without the gate.

    Two approvers sign it. It stands in for the decision alone: signature, contract, golden rows and ledger are
    asked for as ever, and every answer says that it is an emergency. Promote the version afterwards.
    """
    settings = project_settings(ctx, config)
    if len(names) != 2 or names[0] == names[1]:
        raise typer.BadParameter("two different names are needed", param_hint="--as")
    from vouchml.project import approving
    from vouchml.project.private_copy import private_copy
    from vouchml.registry import ModelRegistry

    approving.require_reason(reason)
    approving.require_signers(settings, *names)
    require_terminal(yes=yes)
    registry = ModelRegistry.connect(settings.tracking_uri)
    found = registry.version(settings.project.registered_model, version)
    with private_copy(registry, found) as copy:
        if not yes:
            note(f"Version {found.number} of {found.name}, model digest {copy.digest}, would serve without the gate.")
            confirm(f"Sign as {names[0]} and {names[1]}?")
        statement, until = approving.break_glass(
            settings, registry, copy, names=(names[0], names[1]), reason=reason, hours=hours
        )
    if as_json:
        print_json(
            {
                "version": found.number,
                "model_digest": copy.digest,
                "valid_until": moment(until),
                "file": statement.file,
                "sha256": statement.sha256,
                "by": list(statement.by),
            }
        )
        return
    show(f"EMERGENCY ADMISSION of version {found.number} until {moment(until)}, signed by {' and '.join(names)}.")
    note(f"Next: vouch promote {found.number} --why TEXT")
