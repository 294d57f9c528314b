"""`vouch revoke`: take a model out of service for good."""

from __future__ import annotations

from typing import Annotated

import typer

from vouchml.cli.options import Config, Json, Who, person, project_settings
from vouchml.cli.screen import moment, note, print_json, show


def revoke(
    ctx: typer.Context,
    reference: Annotated[
        str,
        typer.Argument(metavar="VERSION|DIGEST", help="A version as elsewhere, or a model digest of 64 digits."),
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; everybody can read it.")],
    who: Who = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Let no service load a model any more.

    Whatever was signed about it. It is written into trust.toml. A service that reads that file stops serving the
    model at its next look.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.revocation import revoke as revoke_model

    revoked = revoke_model(settings, reference, reason=reason, who=person(settings, who))
    if as_json:
        print_json(
            {
                "model_digest": revoked.model.digest,
                "version": revoked.version,
                "time": moment(revoked.model.time),
                "reason": revoked.model.reason,
            }
        )
        return
    version = f", version {revoked.version} of {settings.project.registered_model}," if revoked.version else ""
    show(f"The model {revoked.model.digest}{version} is revoked {moment(revoked.model.time)}: {revoked.model.reason}")
    note(f"Commit {settings.trust_store_path.name}, and bring it to every machine that serves.")
