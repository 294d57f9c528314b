"""`vouch pack` and `vouch verify-pack`: everything about a version in one file, and its check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vouchml.cli.links import tell_links
from vouchml.cli.options import Config, Json, Reference, config_file, project_settings
from vouchml.cli.screen import facts, note, print_json, show, steps

if TYPE_CHECKING:
    from vouchml.trust.trust_store import TrustStore


def pack(
    ctx: typer.Context,
    version: Reference,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The pack, a ZIP archive.  [default: pack.zip]")
    ] = Path("pack.zip"),
    with_model: Annotated[
        bool, typer.Option("--with-model", help="Put the model's files in too, not only their digests.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="The evaluator's key, where several are here.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Put all evidence about a version into one file.

    Signed statements, policy, contract, manifest, model card, bill of materials, the events of the ledger with their
    proofs, and a verifier that needs no vouchml. What is not there is named in it. docs/evidence_pack.md.
    """
    settings = project_settings(ctx, config)
    with steps(quiet=quiet or as_json) as progress:
        progress("Loading the libraries")
        from vouchml.project.packing import make_pack

        packed = make_pack(settings, version, output, with_model=with_model, name=name, progress=progress)
    if as_json:
        print_json(
            {
                "file": str(output),
                "sha256": packed.sha256,
                "version": packed.version.number,
                "model_digest": packed.digest,
                "files": packed.files,
                "signed_by": packed.signed_by,
                "missing": [{"what": what, "why": why} for what, why in packed.missing],
            }
        )
        return
    show(
        facts(
            [
                ("Pack", f"{output}, {packed.files} files, SHA-256 {packed.sha256}"),
                ("Version", f"{packed.version.number} of {packed.version.name}, model digest {packed.digest}"),
                ("Index signed by", packed.signed_by or "nobody"),
            ]
        )
    )
    for what, why in packed.missing:
        note(f"Not in it: {what}. {why}")
    note(f"Check it: vouch verify-pack {output}")


def verify_pack(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A pack.")],
    trust: Annotated[
        Path | None,
        typer.Option("--trust", metavar="FILE", help="Your own copy of trust.toml.  [default: that of the project]"),
    ] = None,
    receipt: Annotated[
        Path | None,
        typer.Option("--receipt", metavar="FILE", help="Follow this prediction to its data."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="The table, to be held against its SHA-256.")
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Check a pack offline, link by link.

    Outside a project and without --trust, the keys are those of the pack itself, which proves nothing about who
    signed. Exits with 0, with 1 when a link failed, and with 2 when one could not be checked.
    """
    from vouchml.cli.files import read_text, sha256_of
    from vouchml.governance.pack.archive import read_pack
    from vouchml.governance.pack.check import check_pack
    from vouchml.ledger.receipt import Receipt

    checked = check_pack(
        read_pack(file),
        _trusted(ctx, config, trust),
        table_sha256=None if data is None else sha256_of(data),
        receipt=None if receipt is None else Receipt.parse(read_text(receipt)),
    )
    tell_links(checked, "pack", as_json=as_json)
    raise typer.Exit(checked.exit_status)


def _trusted(ctx: typer.Context, config: Path | None, trust: Path | None) -> TrustStore | None:
    """The trust store that was given, or the project's; None outside a project."""
    from vouchml.trust.trust_store_file import parse_trust_store, read_trust_store

    if trust is not None:
        from vouchml.cli.files import read_text

        return parse_trust_store(read_text(trust), file=trust.name)
    if not config_file(ctx, config).exists():
        return None
    return read_trust_store(project_settings(ctx, config).trust_store_path)
