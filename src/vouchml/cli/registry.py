"""`vouch registry`: versions, the pointer, and the history of its moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, help_if_alone, project_settings
from vouchml.cli.screen import columns, facts, moment, note, print_json, show

if TYPE_CHECKING:
    from vouchml.registry import ModelRegistry, Promotion, Version
    from vouchml.settings import Settings

app = typer.Typer(
    help="List, show, promote and roll back versions.", invoke_without_command=True, callback=help_if_alone
)

Reference = Annotated[
    str, typer.Argument(metavar="VERSION", help="A number, an alias such as @staging, a stage, or a models:/ URI.")
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the history.")]
Who = Annotated[
    str | None,
    typer.Option("--who", metavar="NAME", help="The person who decides.  [default: git's user.name, else the login]"),
]


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
    note(f"Next: vouch registry promote {version.number} --why TEXT")


@app.command("list")
def list_versions(ctx: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """List the versions, newest first."""
    settings = project_settings(ctx, config)
    registry = _registry(settings)
    versions = registry.versions(settings.project.registered_model)
    if as_json:
        print_json([_version(version) for version in versions])
        return
    made = columns("Version", "Stage", "Aliases", "Created", "Run", "Data SHA-256", right=("Version",))
    for version in versions:
        stage = "" if version.stage == "None" else version.stage
        aliases = ", ".join(f"@{alias}" for alias in version.aliases)
        data = version.tags.get("data_sha256", "")[:12]
        made.add_row(str(version.number), stage, aliases, moment(version.created), version.run_id or "", data)
    show(settings.project.registered_model, made)
    _warn(registry, settings)


@app.command("show")
def show_version(ctx: typer.Context, version: Reference = "", as_json: Json = False, config: Config = None) -> None:
    """Show one version: without VERSION the one that serves."""
    settings = project_settings(ctx, config)
    registry = _registry(settings)
    found = registry.version(settings.project.registered_model, version or _serving(registry, settings))
    if as_json:
        print_json(_version(found))
        return
    from vouchml.project.up import run_page

    rows = [
        ("Version", f"{found.number} of {found.name}"),
        ("Stage", found.stage),
        ("Aliases", ", ".join(f"@{alias}" for alias in found.aliases) or "none"),
        ("Created", moment(found.created)),
        ("Run", found.run_id or "none"),
        *([("Run page", run_page(settings, found.run_id))] if found.run_id else []),
        ("Source", found.source),
        ("Data SHA-256", found.tags.get("data_sha256", "not recorded")),
        *[(f"Tag {name}", text) for name, text in sorted(found.tags.items()) if name != "data_sha256"],
    ]
    show(facts(rows))


@app.command()
def promote(
    ctx: typer.Context, version: Reference, why: Why, who: Who = None, as_json: Json = False, config: Config = None
) -> None:
    """Point the stage and its alias at a version.

    It is recorded in the ledger first. A service follows within seconds.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.moves import promote as promote_version

    move = promote_version(settings, version, who=_person(settings, who), why=why)
    _show_move(move, as_json=as_json)


@app.command()
def rollback(ctx: typer.Context, why: Why, who: Who = None, as_json: Json = False, config: Config = None) -> None:
    """Point back to the version that served before.

    It is recorded in the ledger first.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.moves import rollback as roll_back

    move = roll_back(settings, who=_person(settings, who), why=why)
    _show_move(move, as_json=as_json)


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


def _person(settings: Settings, who: str | None) -> str:
    from vouchml.project.person import person_at

    return who or person_at(settings.root)


def _warn(registry: ModelRegistry, settings: Settings) -> None:
    for warning in registry.pointer(settings.project.registered_model, settings.project.stage).warnings:
        note(f"Warning: {warning}")


def _show_move(move: Promotion, *, as_json: bool) -> None:
    if as_json:
        print_json(move.to_dict())
        return
    before = f", before: version {move.from_version}" if move.from_version else ""
    show(f"Version {move.to_version} is in {move.stage}{before}. By {move.who}, {moment(move.at)}.")


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
