"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vouchml.settings import Settings

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="The project's settings.  [default: $VOUCH_CONFIG, else vouch.toml here]"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Reference = Annotated[
    str, typer.Argument(metavar="VERSION", help="A number, an alias such as @staging, a stage, or a models:/ URI.")
]
Who = Annotated[
    str | None,
    typer.Option("--who", metavar="NAME", help="The person who decides.  [default: git's user.name, else the login]"),
]


def help_if_alone(ctx: typer.Context) -> None:
    """Show the help of a group of commands when none of them is named."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit


def config_file(ctx: typer.Context, config: Path | None) -> Path:
    """The settings file: named after the command, else before it, else `VOUCH_CONFIG`, else `vouch.toml` here."""
    from vouchml.settings import SETTINGS_FILE, SETTINGS_FILE_VARIABLE

    return config or ctx.obj or Path(os.environ.get(SETTINGS_FILE_VARIABLE, SETTINGS_FILE))


def project_settings(ctx: typer.Context, config: Path | None) -> Settings:
    """The settings that a command works with."""
    from vouchml.settings import load_settings

    return load_settings(config_file(ctx, config))


def person(settings: Settings, who: str | None) -> str:
    """The person who decides: as said, else whoever is at the keyboard."""
    from vouchml.project.person import person_at

    return who or person_at(settings.root)
