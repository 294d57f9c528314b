"""`vouch ledger`: make it, look at it, verify it, and take out what analysts and auditors need."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli import ledger_payloads
from vouchml.cli.options import Config, Json, help_if_alone, project_settings
from vouchml.cli.progress import counted
from vouchml.cli.screen import columns, facts, note, print_json, show

if TYPE_CHECKING:
    from vouchml.ledger.findings import Verification
    from vouchml.project.ledger_status import AnchorStatus

app = typer.Typer(
    help="The ledger: each prediction, in order, tamper-evident.", invoke_without_command=True, callback=help_if_alone
)
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Only records from this time on, ISO 8601, in UTC.")
]


@app.command()
def init(
    ctx: typer.Context,
    service_role: Annotated[
        str | None,
        typer.Option(
            "--service-role",
            metavar="NAME",
            help="With PostgreSQL: the role of the service, which gets the right to add and no more.",
        ),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Create the ledger, unless it is there, and print its name and its verifier key.

    Give the key to whoever shall check receipts. With PostgreSQL this is run by the owner of the tables.
    """
    settings = project_settings(ctx, config)
    from vouchml.ledger.open import create_ledger, grant_service_role
    from vouchml.ledger.trusted_keys import verifiers
    from vouchml.trust.trust_store_file import read_trust_store

    origin = create_ledger(settings)
    if service_role is not None:
        grant_service_role(settings, service_role)
    keys = [str(key) for key in verifiers(read_trust_store(settings.trust_store_path), origin)]
    if as_json:
        print_json({"origin": origin, "verifier_keys": keys})
        return
    show(facts([("Origin", origin), *[("Verifier key", key) for key in keys]]))
    if not keys:
        note("No key signs its head yet, so it proves nothing to others: vouch keys init")


@app.command()
def status(ctx: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """Say what is in the ledger, what is signed, and what that is worth.

    Nothing is verified: see vouch ledger verify.
    """
    settings = project_settings(ctx, config)
    from vouchml.ledger.findings import GRADES
    from vouchml.project.ledger_status import ledger_status
    from vouchml.project.open_ledger import reading

    with reading(settings) as store:
        found = ledger_status(settings, store)
    if as_json:
        print_json({**asdict(found), "unsigned_tail": found.unsigned_tail})
        return
    rows = [
        ("Origin", found.origin),
        ("Records", f"{found.records:,}, the last at {found.last_record}" if found.records else "none"),
        ("Checkpoints", f"{found.checkpoints:,}, the last at {found.last_checkpoint}" if found.checkpoints else "none"),
        ("Records after it", f"{found.unsigned_tail:,}"),
        ("On disk", "not known here" if found.on_disk is None else _size(found.on_disk, found.records)),
        ("Anchoring grade", f"{found.grade}: {GRADES[found.grade]}"),
        *[("Anchor", _anchor(anchor)) for anchor in found.anchors],
        *[("Verifier key", key) for key in found.keys],
        *[("Hold", f"{hold.number}, {hold.time[:10]}, by {hold.who}: {hold.reason}") for hold in found.holds],
    ]
    show(facts(rows))


@app.command()
def verify(
    ctx: typer.Context,
    since: Annotated[
        Path | None,
        typer.Option("--since", metavar="FILE", help="A checkpoint; what it covers is not gone through again."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", metavar="FILE", help="A checkpoint kept elsewhere; may stand several times."),
    ] = None,
    grade: Annotated[
        str,
        typer.Option(
            "--grade",
            metavar="A|B|C",
            help="Where these were kept: A with an outside witness, B on write-once storage or with other "
            "administrators, C on this host.",
        ),
    ] = "C",
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="KEY", help="A verifier key, or a file with some.  [default: trust.toml]"),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Verify the whole ledger: records, payloads, tree, checkpoints, and the timestamps that are kept here.

    Exits with 0, with 1 when something was changed, removed or added, saying what and where, and with 2 when evidence
    is missing.
    """
    settings = project_settings(ctx, config)
    if grade not in ("A", "B", "C"):
        raise typer.BadParameter("A grade is A, B or C.")
    from vouchml.cli.files import read_text
    from vouchml.cli.receipt import given_keys
    from vouchml.ledger.marks import OutsideCheckpoint
    from vouchml.project.verification import verify_project_ledger

    with counted("Verifying", quiet=quiet) as progress:
        found = verify_project_ledger(
            settings,
            since=None if since is None else read_text(since),
            outside=[OutsideCheckpoint(read_text(file), str(file), grade) for file in checkpoint or ()],  # type: ignore[arg-type]
            keys=given_keys(key or ()),
            progress=progress,
        )
    if as_json:
        print_json(_verification(found))
    else:
        _tell(found)
    raise typer.Exit(found.exit_status)


@app.command()
def export(
    ctx: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The Parquet file to write.")],
    since: Since = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only records of this type; may stand several times."),
    ] = None,
    quiet: Quiet = False,
    config: Config = None,
) -> None:
    """Write the records to a Parquet file, for analysis.

    The file has personal data where the ledger has: erase it there too when it is erased here.
    """
    settings = project_settings(ctx, config)
    from vouchml.cli.files import unusable
    from vouchml.cli.times import leaf_time
    from vouchml.ledger.export import export as write
    from vouchml.ledger.record import RecordType
    from vouchml.project.open_ledger import reading

    unknown = sorted(set(kind or ()) - {each.value for each in RecordType})
    if unknown:
        known = ", ".join(each.value for each in RecordType)
        raise typer.BadParameter(f"There is no type of record '{unknown[0]}'. The types are {known}.")
    after = leaf_time(since)
    with reading(settings) as store, counted("Exporting", quiet=quiet) as progress:
        try:
            written = write(store, output, since=after, types=kind or (), progress=progress)
        except OSError as error:
            raise unusable(output, "written", error) from error
    note(f"Wrote {written:,} records to {output}.")


@app.command()
def checkpoint(
    ctx: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.  [default: printed]")
    ] = None,
    config: Config = None,
) -> None:
    """Sign the head of the ledger, and write the newest checkpoint: to be kept elsewhere.

    Without the key of the ledger, it is the newest that there is.
    """
    settings = project_settings(ctx, config)
    from vouchml.cli.files import write_text
    from vouchml.project.receipts import newest_checkpoint

    newest = newest_checkpoint(settings)
    if output is None:
        typer.echo(newest.note, nl=False)
        return
    write_text(output, newest.note)
    note(f"Wrote the checkpoint of {newest.size:,} records to {output}. Keep it where the operator cannot change it.")


app.command()(ledger_payloads.erase)
app.command()(ledger_payloads.prune)
app.command()(ledger_payloads.hold)
app.command()(ledger_payloads.release)


def _anchor(anchor: AnchorStatus) -> str:
    reached = f"{anchor.size:,} records, at {anchor.pushed_at}" if anchor.pushed_at else "nothing yet"
    return f"{anchor.kind} {anchor.to}: {reached}" + (f". {anchor.problem}" if anchor.problem else "")


def _size(on_disk: int, records: int) -> str:
    each = f", {on_disk / records:,.0f} bytes a record" if records else ""
    return f"{on_disk / 2**20:,.1f} MiB{each}"


def _tell(found: Verification) -> None:
    from vouchml.ledger.findings import GRADES

    if found.findings:
        made = columns("Found", "What", "Records", "Where")
        for finding in found.findings:
            end = finding.end - 1
            where = f"{finding.start}" if end <= finding.start else f"{finding.start} to {end}"
            made.add_row(finding.severity, finding.kind, where, finding.message)
        show(made)
    words = {
        "ok": "ok: nothing was changed, as far as the checkpoints go",
        "tampered": "TAMPERED: something was changed, removed or added",
        "incomplete": "incomplete: evidence is missing",
    }
    rows = [
        ("Outcome", words[found.outcome]),
        ("Records", f"{found.size:,}, gone through from record {found.start:,} on"),
        ("Checkpoints", f"{found.checkpoints:,}, the last one that fits is of {found.signed:,} records"),
        ("Unsigned tail", f"{found.unsigned_tail:,} records: whoever can write the store can change them unseen"),
        ("Unanchored tail", f"{found.unanchored_tail:,} records: whoever has the key too can change them unseen"),
        ("Anchoring grade", f"{found.grade}: {GRADES[found.grade]}"),
        ("Erased payloads", f"{found.without_payload:,}"),
        *([("Not listed", f"{found.dropped:,} further findings")] if found.dropped else []),
    ]
    show(facts(rows))
    for told in found.unchecked:
        note(told)


def _verification(found: Verification) -> dict[str, Any]:
    return {
        "outcome": found.outcome,
        **asdict(found),
        "unsigned_tail": found.unsigned_tail,
        "unanchored_tail": found.unanchored_tail,
    }
