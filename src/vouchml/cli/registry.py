"""`vouch registry`: versions, the pointer, and the history of its moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, Reference, Who, help_if_alone, person, project_settings
from vouchml.cli.screen import columns, facts, moment, note, print_json, show, steps
from vouchml.cli.standing import FILES_NOT_CHECKED, STANDING_COLUMNS, standing_cells

if TYPE_CHECKING:
    from vouchml.project.moves import Examined
    from vouchml.registry import ModelRegistry, Promotion, Version
    from vouchml.settings import Settings

app = typer.Typer(
    help="List, show, promote and roll back versions.", invoke_without_command=True, callback=help_if_alone
)


def _a_reason(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("say in a few words why: the history keeps it")
    return text


Why = Annotated[str, typer.Option("--why", metavar="TEXT", callback=_a_reason, help="The reason, for the history.")]


@app.command()
def register(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run made by vouch train --no-register.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Add the model of a run as the next version."""
    settings = project_settings(ctx, config)
    from vouchml.project.register import register_run

    version = register_run(settings, run_id)
    if as_json:
        print_json(_version(version))
        return
    show(f"Registered version {version.number} of {version.name}.")
    note(f"Next: vouch sign {version.number}; vouch gate {version.number}; vouch promote {version.number} --why TEXT")


@app.command("list")
def list_versions(ctx: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """List the versions, newest first: signed, what the gate decided and until when, revoked.

    Signatures are held against trust.toml. The files of the versions are not fetched, so whether they still are what
    was signed is not checked; vouch promote VERSION --why TEXT --dry-run does.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.standing import standings

    registry = _registry(settings)
    versions = registry.versions(settings.project.registered_model)
    with steps(quiet=as_json) as progress:
        progress(f"Reading what was signed about {len(versions)} version{'' if len(versions) == 1 else 's'}")
        found = standings(settings, registry, versions)
    if as_json:
        print_json([_version(version) | found[version.number].to_dict() for version in versions])
        return
    headings = ("Version", "Stage", "Aliases", "Created", *STANDING_COLUMNS, "Run", "Data SHA-256")
    made = columns(*headings, right=("Version",))
    for version in versions:
        stage = "" if version.stage == "None" else version.stage
        aliases = ", ".join(f"@{alias}" for alias in version.aliases)
        data = version.tags.get("data_sha256", "")[:12]
        stands = standing_cells(found[version.number])
        made.add_row(str(version.number), stage, aliases, moment(version.created), *stands, version.run_id or "", data)
    show(settings.project.registered_model, made)
    for version in versions:
        for reason in found[version.number].problems:
            note(f"Version {version.number}: {reason}")
    note(FILES_NOT_CHECKED)
    _warn(registry, settings)


@app.command("show")
def show_version(ctx: typer.Context, version: Reference = "", as_json: Json = False, config: Config = None) -> None:
    """Show one version: without VERSION the one that serves."""
    settings = project_settings(ctx, config)
    registry = _registry(settings)
    found = registry.version(settings.project.registered_model, version or _serving(registry, settings))
    from vouchml.project.standing import standings

    standing = standings(settings, registry, [found])[found.number]
    if as_json:
        print_json(_version(found) | standing.to_dict())
        return
    from vouchml.project.up import run_page

    rows = [
        ("Version", f"{found.number} of {found.name}"),
        ("Stage", found.stage),
        ("Aliases", ", ".join(f"@{alias}" for alias in found.aliases) or "none"),
        ("Created", moment(found.created)),
        *zip(STANDING_COLUMNS, standing_cells(standing), strict=True),
        *[("Does not count", reason) for reason in standing.problems],
        ("Model digest", standing.digest or "not signed"),
        ("Run", found.run_id or "none"),
        *([("Run page", run_page(settings, found.run_id))] if found.run_id else []),
        ("Source", found.source),
        ("Data SHA-256", found.tags.get("data_sha256", "not recorded")),
        *[(f"Tag {name}", text) for name, text in sorted(found.tags.items()) if name != "data_sha256"],
    ]
    show(facts(rows))
    note(FILES_NOT_CHECKED)


@app.command()
def promote(
    ctx: typer.Context,
    version: Reference,
    why: Why,
    who: Who = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say whether it would be refused; move nothing.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Point stage and alias at a version that may serve.

    Refused without a valid decision, as the service would refuse to load it. It is recorded in the ledger first. A
    service follows within seconds.
    """
    settings = project_settings(ctx, config)
    from vouchml.project import moves

    if dry_run:
        examined = moves.examine(settings, version, say=note)
        _show_examined(examined, as_json=as_json)
        return
    move = moves.promote(settings, version, who=person(settings, who), why=why, say=note)
    _show_move(move, as_json=as_json)


@app.command()
def rollback(ctx: typer.Context, why: Why, who: Who = None, as_json: Json = False, config: Config = None) -> None:
    """Point back to the version that served before, if it may still serve.

    It is recorded in the ledger first.
    """
    settings = project_settings(ctx, config)
    from vouchml.project import moves

    _show_move(moves.rollback(settings, who=person(settings, who), why=why, say=note), as_json=as_json)


@app.command()
def history(ctx: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """List the moves of the stage, oldest first.

    Who moved it, when, from where to where, and why.
    """
    settings = project_settings(ctx, config)
    moves = _registry(settings).history(settings.project.registered_model)
    if as_json:
        print_json([move.to_dict() for move in moves])
        return
    made = columns("When", "Who", "What", "Stage", "From", "To", "Why", right=("From", "To"))
    for move in moves:
        before = str(move.from_version or "")
        made.add_row(moment(move.at), move.who, move.action, move.stage, before, str(move.to_version), move.why)
    show(settings.project.registered_model, made)


def _registry(settings: Settings) -> ModelRegistry:
    from vouchml.registry import ModelRegistry

    return ModelRegistry.connect(settings.tracking_uri)


def _serving(registry: ModelRegistry, settings: Settings) -> str:
    number = registry.pointer(settings.project.registered_model, settings.project.stage).version
    return settings.project.stage if number is None else str(number)


def _warn(registry: ModelRegistry, settings: Settings) -> None:
    for warning in registry.pointer(settings.project.registered_model, settings.project.stage).warnings:
        note(f"Warning: {warning}")


def _show_move(move: Promotion, *, as_json: bool) -> None:
    if as_json:
        print_json(move.to_dict())
        return
    before = f", before: version {move.from_version}" if move.from_version else ""
    show(f"Version {move.to_version} is in {move.stage}{before}. By {move.who}, {moment(move.at)}.")


def _show_examined(examined: Examined, *, as_json: bool) -> None:
    version, admission = examined.version, examined.admission
    if as_json:
        document = admission.to_dict() if admission else None
        print_json({"version": version.number, "model_digest": examined.digest, "admission": document})
        return
    by = f"; it may serve until {moment(admission.valid_until)}" if admission else ""
    show(f"Version {version.number} of {version.name} would be promoted{by}. Nothing was moved.")


def _version(version: Version) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.number,
        "stage": version.stage,
        "aliases": list(version.aliases),
        "run_id": version.run_id,
        "source": version.source,
        "created": moment(version.created),
        "data_sha256": version.tags.get("data_sha256"),
        "tags": dict(sorted(version.tags.items())),
    }
