"""Times as options take them: ISO 8601, in UTC where no zone is named."""

from __future__ import annotations

from datetime import UTC, datetime

import typer


def moment_of(text: str) -> datetime:
    """The time that `text` names, in UTC.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a time; write 2026-11-24 or 2026-11-24T22:04:10Z.") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def optional_moment(text: str | None) -> datetime | None:
    """The same where an option may be left out."""
    return None if text is None else moment_of(text)


def leaf_time(text: str | None) -> str | None:
    """A time as the leaves of the ledger have it, to compare with them as a text."""
    from vouchml.ledger.record import time_text

    return None if text is None else time_text(moment_of(text))
