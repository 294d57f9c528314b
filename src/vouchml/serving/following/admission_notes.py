"""What is to be said of versions that serve although something speaks against them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from vouchml.serving.following.served_model import ServedModel, first_to_end
from vouchml.serving.reply import Header

BREAK_GLASS: Final = b"x-vouch-break-glass"


def run_out(serving: Sequence[ServedModel]) -> tuple[str, ...]:
    """What serves on a decision that is no longer valid: it goes on, and the next load is refused."""
    return tuple(
        f"The gate's decision on version {served.version} has run out; run the gate again: vouch gate {served.version}"
        for served in serving
        if (admission := served.admitted.admission) is not None and admission.valid_until <= datetime.now(UTC)
    )


def spoken_against(serving: Sequence[ServedModel]) -> tuple[str, ...]:
    """What the settings let in all the same, and what two people did for some hours."""
    unproved = [
        f"Version {served.version} serves without evidence: {served.admitted.warning}"
        for served in serving
        if served.admitted.warning
    ]
    emergencies = [
        f"A version serves by break-glass until {until}." for served in serving if (until := served.break_glass_until)
    ]
    return (*unproved, *emergencies)


def flags(serving: Sequence[ServedModel]) -> tuple[Header, ...]:
    """What every answer says of them, beside the headers of its door."""
    until = first_to_end(serving)
    return ((BREAK_GLASS, until.encode()),) if until else ()
