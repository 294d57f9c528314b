"""`vouch receipt` and `vouch verify-receipt`: a proof to hand out, and its check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vouchml.cli.links import tell_links
from vouchml.cli.options import Config, Json, config_file, project_settings
from vouchml.cli.screen import note
from vouchml.cli.trace import Id, Row

if TYPE_CHECKING:
    from vouchml.ledger.checkpoint import VerifierKey


def receipt(
    ctx: typer.Context,
    name: Id,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.  [default: printed]")
    ] = None,
    without_payload: Annotated[
        bool, typer.Option("--without-payload", help="Leave the inputs and the answer out: for others to see.")
    ] = False,
    row: Row = None,
    config: Config = None,
) -> None:
    """Make the receipt of a prediction, which anybody can check offline.

    Where no checkpoint covers it yet, one is signed if the key of the ledger is here.
    """
    settings = project_settings(ctx, config)
    from vouchml.cli.files import write_text
    from vouchml.project.receipts import obtain_receipt

    made = obtain_receipt(settings, name, row=row)
    text = (made.without_payload() if without_payload else made).to_json() + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    write_text(output, text, private=not without_payload)
    inside = "" if without_payload else " It holds the inputs; for others: --without-payload."
    note(f"Wrote {output}. Check it: vouch verify-receipt {output}.{inside}")


def verify_receipt(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A receipt.")],
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="A verifier key of the ledger, or a file with some; may stand several times.  [default: trust.toml]",
        ),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Check a receipt offline, link by link.

    Nothing but the verifier key of its ledger is needed. Exits with 0, with 1 when a link failed, and with 2 when one
    could not be checked: there is no key, or the payload is erased or left out.
    """
    from vouchml.cli.files import read_text
    from vouchml.ledger.receipt import Receipt
    from vouchml.ledger.receipt_check import verify_receipt as check

    parsed = Receipt.parse(read_text(file))
    verifiers = given_keys(key) if key else _trusted(ctx, config, parsed.checkpoint)
    verified = check(parsed, *verifiers)
    leaf = None if verified.fields is None else dict(verified.fields)
    tell_links(verified, "receipt", as_json=as_json, leaf=leaf)
    raise typer.Exit(verified.exit_status)


def given_keys(keys: Sequence[str]) -> list[VerifierKey]:
    """The verifier keys that an option gives, each as it is or by a file with some."""
    from vouchml.cli.files import read_text
    from vouchml.ledger.checkpoint import VerifierKey

    lines: list[str] = []
    for each in keys:
        # A verifier key has a plus, and base64 behind it; what is a file is one.
        lines.extend(read_text(Path(each)).split() if Path(each).is_file() else [each])
    return [VerifierKey.parse(line) for line in lines]


def _trusted(ctx: typer.Context, config: Path | None, note_text: str) -> list[VerifierKey]:
    """The keys of the trust store, as those of the ledger that the receipt is of; none outside a project."""
    from vouchml.errors import CheckpointInvalid
    from vouchml.ledger.checkpoint import Checkpoint, read_note
    from vouchml.ledger.open import known_origin
    from vouchml.ledger.trusted_keys import verifiers
    from vouchml.trust.trust_store_file import read_trust_store

    if not config_file(ctx, config).exists():
        return []
    settings = project_settings(ctx, config)
    try:
        origin = known_origin(settings) or Checkpoint.parse(read_note(note_text).text).origin
    except CheckpointInvalid:
        return []
    return list(verifiers(read_trust_store(settings.trust_store_path), origin))
