"""`vouch ledger erase`, `prune`, `hold` and `release`: payloads that must go, and those that must stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vouchml.cli.asking import confirm
from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.progress import counted
from vouchml.cli.screen import note, print_json, show
from vouchml.cli.times import optional_moment
from vouchml.cli.trace import Row

if TYPE_CHECKING:
    from vouchml.settings import Settings

_FOR_EVER = "It stands in the log for ever, so it names no person."
RequestId = Annotated[
    str, typer.Option("--request-id", metavar="ID", help="The request_id or the prediction_id of an answer.")
]
MayBeRequestId = Annotated[
    str | None, typer.Option("--request-id", metavar="ID", help="The request_id or the prediction_id of an answer.")
]
Who = Annotated[
    str | None,
    typer.Option("--who", metavar="NAME", help="The person who decides.  [default: git's user.name, else the login]"),
]
AllRequests = Annotated[
    bool, typer.Option("--all", help="All requests of this id, whoever sent them: callers choose their request ids.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help=f"Why. {_FOR_EVER}")]


def erase(  # noqa: PLR0913, PLR0917 - one for each option
    ctx: typer.Context,
    request_id: RequestId,
    basis: Annotated[str, typer.Option("--basis", metavar="TEXT", help=f'Such as "GDPR Art. 17(1)(b)". {_FOR_EVER}')],
    row: Row = None,
    all_requests: AllRequests = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    override_hold: Annotated[
        str | None,
        typer.Option("--override-hold", metavar="REASON", help=f"Why a legal hold yields. {_FOR_EVER}"),
    ] = None,
    who: Who = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Erase the payloads of a prediction and of its outcomes, for good.

    Where callers used one request id for several requests, they are named, and nothing is erased without --all.
    Inputs, answer and salt are destroyed; a record says when, by whom and on what basis, and the log still verifies.
    Several are erased all together or not at all. Copies elsewhere, such as backups and exports, are not reached. With
    PostgreSQL the owner of the tables runs it, and nobody else can use the payloads while it writes their table anew.
    """
    settings = project_settings(ctx, config)
    from contextlib import closing, suppress

    from vouchml.errors import LedgerUnavailable, VouchError
    from vouchml.ledger.erasure import erase as erase_found
    from vouchml.ledger.erasure import find_erasable, held_by
    from vouchml.ledger.open import open_for_writing

    store, schedule = open_for_writing(settings)
    with closing(store):
        found = find_erasable(store, request_id, row=row, all_requests=all_requests)
        if found.holds and override_hold is None:
            raise held_by(found.holds)
        if not yes and found.entries:
            confirm(f"Destroy {len(found.entries)} payloads for good?")
        try:
            places = erase_found(store, found, basis=basis, who=_person(settings, who), override_hold=override_hold)
        except LedgerUnavailable:
            # All may be erased, and only a copy be left, which is what must be said.
            with suppress(VouchError):
                store.append([], sign=schedule.final)
            raise
        store.append([], sign=schedule.final)
    if as_json:
        print_json({"erased": [entry.index for entry in found.entries], "records": list(places)})
        return
    if not places:
        note("Nothing was erased: the payloads are gone already.")
        return
    told = ", ".join(str(place) for place in places[:5]) + (", …" if len(places) > 5 else "")
    show(f"Erased {len(places)} payloads; told by record {told}.")


def prune(
    ctx: typer.Context,
    basis: Annotated[
        str | None,
        typer.Option(
            "--basis", metavar="TEXT", help=f"Why payloads go before [ledger] minimum_retention_days. {_FOR_EVER}"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")] = False,
    who: Who = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Erase the payloads that are older than [ledger] retention_days.

    One record tells of them all. Those under a legal hold stay.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.pruning import prune as prune_project

    with counted("Looking", quiet=quiet) as progress:
        found = prune_project(settings, who=_person(settings, who), basis=basis, dry_run=dry_run, progress=progress)
    if as_json:
        print_json(
            {
                "before": dict(found.before),
                "payloads": found.payloads,
                "spans": [list(span) for span in found.spans],
                "held": found.held,
                "dry_run": dry_run,
            }
        )
        return
    before = ", ".join(f"{kind} before {time}" for kind, time in found.before.items())
    did = "Would erase" if dry_run else "Erased"
    show(f"{did} {found.payloads:,} payloads ({before}); {found.held:,} more are under a hold.")


def hold(  # noqa: PLR0913, PLR0917 - one for each option
    ctx: typer.Context,
    reason: Reason,
    request_id: MayBeRequestId = None,
    row: Row = None,
    all_requests: AllRequests = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From this time on, ISO 8601, in UTC.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Before this time, ISO 8601, in UTC.")
    ] = None,
    who: Who = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Keep payloads from being erased: a legal hold.

    Of one request, or of a time, which may be still to come. Of several requests with one request id only with --all.
    """
    settings = project_settings(ctx, config)
    if (request_id is None) == (since is None and until is None):
        raise typer.BadParameter("Give either --request-id, or --since or --until or both.")
    from datetime import UTC, datetime

    from vouchml.ledger.holds import hold_of_records, hold_of_time
    from vouchml.ledger.search import requests_of, require_one_request
    from vouchml.project.open_ledger import reading, write

    person, now = _person(settings, who), datetime.now(UTC)
    if request_id is not None:
        with reading(settings) as store:
            requests = requests_of(store, request_id, row=row, most=None)
            if not all_requests:
                require_one_request(store, requests)
        places = [place for request in requests for place in request.places]
        record = hold_of_records(request_id, places, who=person, reason=reason, time=now)
    else:
        record = hold_of_time(optional_moment(since), optional_moment(until), who=person, reason=reason, time=now)
    number = write(settings, record).first_index
    if as_json:
        print_json({"hold": number})
        return
    show(f"Hold {number} is in force. To end it: vouch ledger release {number} --reason TEXT")


def release(
    ctx: typer.Context,
    number: Annotated[
        int, typer.Argument(metavar="NUMBER", help="The number of the hold: vouch ledger status.", min=0)
    ],
    reason: Reason,
    who: Who = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """End a legal hold."""
    settings = project_settings(ctx, config)
    from datetime import UTC, datetime

    from vouchml.ledger.holds import release_of
    from vouchml.project.open_ledger import reading, write

    with reading(settings) as store:
        record = release_of(store, number, who=_person(settings, who), reason=reason, time=datetime.now(UTC))
    place = write(settings, record).first_index
    if as_json:
        print_json({"hold": number, "record": place})
        return
    show(f"Hold {number} is released.")


def _person(settings: Settings, who: str | None) -> str:
    from vouchml.project.person import person_at

    return who or person_at(settings.root)
