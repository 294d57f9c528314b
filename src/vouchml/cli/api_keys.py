"""`vouch keys api`: the keys that callers of the service hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, help_if_alone, project_settings
from vouchml.cli.screen import columns, moment, note, print_json, show

if TYPE_CHECKING:
    from pathlib import Path

    from vouchml.settings import Settings
    from vouchml.trust import ApiKey

app = typer.Typer(
    help="Make, list and revoke the API keys of callers.", invoke_without_command=True, callback=help_if_alone
)


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The person or program that will call.")],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", metavar="SCOPE", help="predict, read or operate (which brings read); may be given again."
        ),
    ],
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="How long it is good: 12h, 90d, 52w.  [default: for ever]"),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Make a key, and show it this once.

    A running service knows it within a second. From the first key on, every call needs one.
    """
    from vouchml.trust import create_api_key

    key, text = create_api_key(_file(project_settings(ctx, config)), name=name, scopes=scope, expires=expires)
    if as_json:
        print_json({**_fields(key), "key": text})
        return
    typer.echo(text)  # not by rich, which would break the line of a narrow terminal
    until = f" until {moment(key.expires)}" if key.expires else ""
    note(f"Key {key.id} of {key.name} is for {', '.join(key.scopes)}{until}.")
    note("It is not shown again. Send it in the header: Authorization: Bearer KEY")


@app.command("list")
def list_keys(ctx: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """List the keys, oldest first; never the keys themselves."""
    from vouchml.trust import read_api_keys

    keys = read_api_keys(_file(project_settings(ctx, config)))
    if as_json:
        print_json([_fields(key) for key in keys])
        return
    if not keys:
        note("There are no API keys. Make one: vouch keys api create --name NAME --scope predict")
        return
    made = columns("Id", "Name", "Scopes", "Created", "Expires", "State")
    for key in keys:
        expires = moment(key.expires) if key.expires else "never"
        made.add_row(key.id, key.name, ", ".join(key.scopes), moment(key.created), expires, _state(key))
    show(made)


@app.command()
def revoke(
    ctx: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key, as vouch keys api list shows it.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Let a key count no longer.

    A running service refuses it within a second. The key stays in the list.
    """
    from vouchml.trust import revoke_api_key

    key = revoke_api_key(_file(project_settings(ctx, config)), key_id)
    if as_json:
        print_json(_fields(key))
        return
    show(f"Key {key.id} of {key.name} is {_state(key)}.")


def _file(settings: Settings) -> Path:
    from vouchml.trust import api_keys_path

    return api_keys_path(settings.private_folder)


def _state(key: ApiKey) -> str:
    return f"revoked {moment(key.revoked)}" if key.revoked else key.state(datetime.now(UTC))


def _fields(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created": moment(key.created),
        "expires": moment(key.expires) if key.expires else None,
        "revoked": moment(key.revoked) if key.revoked else None,
        "state": key.state(datetime.now(UTC)),
    }
