"""`vouch keys`: the keys that sign, and whose signatures count. `vouch keys api` is about callers of the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli import api_keys
from vouchml.cli.options import Config, Json, help_if_alone, project_settings
from vouchml.cli.screen import columns, moment, note, print_json, show
from vouchml.errors import SigningKeyUnreadable

if TYPE_CHECKING:
    from vouchml.settings import Settings
    from vouchml.trust.key_ring import KeyRing
    from vouchml.trust.trust_store import TrustedKey

app = typer.Typer(help="Keys: who may do what.", invoke_without_command=True, callback=help_if_alone)


@app.command()
def init(ctx: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """Make development keys, for a machine where one person does everything.

    Makes one for each role that no valid key has, and changes nothing else. They show that nothing was changed since,
    not that a second person agreed.
    """
    ring = _ring(ctx, config)
    made = ring.add_development_keys()
    if as_json:
        print_json([_fields(key, ring) for key in made])
    elif made:
        show(_table(made, ring))
    if made:
        _warn_of_development_keys(ring)
    else:
        note("Every role has a valid key; nothing was made.")
    for key in ring.store().key:
        if key.development and key.state(_now()) == "active" and _private_half(key, ring) != "here":
            note(f"The private half of {key.name} is not on this machine. To replace it: vouch keys rotate {key.name}")


def warn_of_development_keys(made: Sequence[TrustedKey], settings: Settings) -> None:
    """Say loudly that keys were `made` which stand for nobody."""
    note(f"Made keys for: {', '.join(key.role for key in made)}.")
    _warn_of_development_keys(_ring_of(settings))


def _warn_of_development_keys(ring: KeyRing) -> None:
    note("WARNING: these are DEVELOPMENT KEYS. All of them are on this machine, readable by whoever is this user.")
    note(f"Their public halves are in {ring.store_path.name}. For real use give people keys of their own, and")
    note("revoke these: vouch keys add NAME --role ROLE --email EMAIL; vouch keys revoke NAME --reason REASON")


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person or program that will sign.")],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="trainer, evaluator, approver, gate or ledger.")],
    email: Annotated[str, typer.Option("--email", metavar="EMAIL", help="Whose key it is.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Make a key for one role of one person.

    The private half stays on this machine; the public half goes into trust.toml.
    """
    ring = _ring(ctx, config)
    key = ring.add(name, email=email, role=role)
    if as_json:
        print_json(_fields(key, ring))
        return
    show(f"The key {key.key_id[:16]} of {key.name} signs as {key.role} from now on.")
    note(f"Its private half is {name}.pem in the folder of the keys. Commit {ring.store_path.name}.")


@app.command("list")
def list_keys(ctx: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """List the public keys of trust.toml with their roles, people and states."""
    ring = _ring(ctx, config)
    keys = ring.store().key
    if as_json:
        print_json([_fields(key, ring) for key in keys])
    elif keys:
        show(_table(keys, ring))
    else:
        note("There are no signing keys. For development: vouch keys init")


@app.command()
def rotate(
    ctx: typer.Context,
    reference: Annotated[
        str, typer.Argument(metavar="ROLE|NAME", help="The key of a name, or those of a role on this machine.")
    ],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Make a new key in the place of an old one, which is valid until now.

    What the old one signed is not signed by the new one: have it signed again. What the ledger's old key signed still
    counts; a record in the ledger names both.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.key_rotation import rotate as rotate_keys
    from vouchml.project.person import person_at

    ring = _ring_of(settings)
    rotated = rotate_keys(settings, reference, who=person_at(settings.root))
    if as_json:
        print_json([_fields(new, ring) for _, new in rotated])
        return
    for old, new in rotated:
        show(f"The key of {new.name} is {new.key_id[:16]} from now on; {old.key_id[:16]} was valid until now.")
    note(f"Commit {ring.store_path.name}.")


@app.command()
def revoke(
    ctx: typer.Context,
    reference: Annotated[
        str, typer.Argument(metavar="NAME", help="The name of the key, or the first 8 digits of its id or more.")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="REASON", help="Why; everybody can read it.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Let a key count no longer, for whatever it ever signed.

    Use it when a key may be in wrong hands. The key stays in the list.
    """
    ring = _ring(ctx, config)
    key = ring.revoke(reference, reason=reason)
    if as_json:
        print_json(_fields(key, ring))
        return
    assert key.revoked is not None  # noqa: S101 - it was revoked just now or before
    show(f"The key {key.key_id[:16]} of {key.name} is revoked {moment(key.revoked)}.")
    note(f"Commit {ring.store_path.name}.")


app.add_typer(api_keys.app, name="api")


def _ring(ctx: typer.Context, config: Config) -> KeyRing:
    return _ring_of(project_settings(ctx, config))


def _ring_of(settings: Settings) -> KeyRing:
    from vouchml.trust.key_ring import KeyRing

    return KeyRing(settings.signing_keys_folder, settings.trust_store_path)


def _table(keys: tuple[TrustedKey, ...], ring: KeyRing) -> Any:
    made = columns("Name", "Role", "Person", "Key", "Algorithm", "Valid from", "Valid to", "State", "Private half")
    for key in keys:
        until = moment(key.valid_to) if key.valid_to else "open"
        person = "DEVELOPMENT" if key.development else key.email
        row = (key.key_id[:16], key.public_key.algorithm, moment(key.valid_from), until, key.state(_now()))
        made.add_row(key.name, key.role, person, *row, _private_half(key, ring))
    return made


def _fields(key: TrustedKey, ring: KeyRing) -> dict[str, Any]:
    return {
        "name": key.name,
        "email": key.email,
        "role": key.role,
        "key_id": key.key_id,
        "algorithm": key.public_key.algorithm,
        "public_key": key.public_key.to_pem(),
        "valid_from": moment(key.valid_from),
        "valid_to": moment(key.valid_to) if key.valid_to else None,
        "revoked": moment(key.revoked) if key.revoked else None,
        "revoked_reason": key.revoked_reason,
        "development": key.development,
        "state": key.state(_now()),
        "private_half": _private_half(key, ring),
    }


def _private_half(key: TrustedKey, ring: KeyRing) -> str:
    try:
        return "here" if ring.holds(key) else "elsewhere"
    except SigningKeyUnreadable:
        return "unusable"  # open to others, or broken; whoever signs with it is told which


def _now() -> datetime:
    return datetime.now(UTC)
