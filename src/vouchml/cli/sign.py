"""`vouch sign`: sign a version that is not signed yet, or not by keys that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, Reference, project_settings
from vouchml.cli.screen import facts, note, print_json, show, steps

if TYPE_CHECKING:
    from vouchml.project.signing import Signing

UNSIGNED = 1


def sign(
    ctx: typer.Context,
    version: Reference,
    trainer: Annotated[
        str | None, typer.Option("--trainer", metavar="NAME", help="The trainer's key, where several are here.")
    ] = None,
    evaluator: Annotated[
        str | None, typer.Option("--evaluator", metavar="NAME", help="The evaluator's key, where several are here.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Sign anew what is signed; decisions that rest on it count no more.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Sign a version's files, provenance and evaluation.

    Where the policy asks for them, its bill of materials and model card too. By the keys on this machine. vouch
    train does it by itself. Here it is done later, or on the machine that has the keys; what MLflow holds now is
    what gets signed. Exits with 1 when a part stays unsigned.
    """
    settings = project_settings(ctx, config)
    with steps(quiet=quiet) as progress:
        progress("Loading the libraries")
        from vouchml.project.signing import sign_version
        from vouchml.registry import ModelRegistry

        found = ModelRegistry.connect(settings.tracking_uri).version(settings.project.registered_model, version)
        names = {"trainer": trainer, "evaluator": evaluator}
        signing = sign_version(settings, found, names=names, again=again, progress=progress)
    if as_json:
        print_json(signing_document(signing))
    else:
        show(facts([("Version", f"{found.number} of {found.name}"), *signing_rows(signing)]))
        tell_unsigned(signing)
    raise typer.Exit(UNSIGNED if signing.unsigned else 0)


def signing_rows(signing: Signing) -> list[tuple[str, str]]:
    """What came of signing, a line each."""
    return [
        ("Model digest", signing.digest),
        *[("Signed", f"{part.file}, SHA-256 {part.sha256[:16]}, {_by(part.by)}") for part in signing.signed],
    ]


def tell_unsigned(signing: Signing) -> None:
    """Say what is not signed, and what to do."""
    for part in signing.unsigned:
        note(f"Not signed: {part.file}. {part.why}")
    for remedy in dict.fromkeys(part.remedy for part in signing.unsigned if part.remedy):
        note(remedy)


def signing_document(signing: Signing) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "version": signing.version.number,
        "model_digest": signing.digest,
        "signed": [{"file": part.file, "sha256": part.sha256, "by": part.by} for part in signing.signed],
        "unsigned": [{"file": part.file, "why": part.why, "remedy": part.remedy} for part in signing.unsigned],
    }


def _by(name: str) -> str:
    return name if name == "signed before" else f"by {name}"
