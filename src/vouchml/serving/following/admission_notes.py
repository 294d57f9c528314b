"""What is to be said of versions that serve although something speaks against them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from vouchml.governance.signed_evidence import moment_text
from vouchml.serving.following.served_model import ServedModel
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
    emergencies = [f"A version serves by break-glass until {until}." for until in _emergencies(serving)]
    return (*unproved, *emergencies)


def flags(serving: Sequence[ServedModel]) -> tuple[Header, ...]:
    """What every answer says of them, beside the headers of its door."""
    emergencies = _emergencies(serving)
    return ((BREAK_GLASS, min(emergencies).encode()),) if emergencies else ()


def _emergencies(serving: Sequence[ServedModel]) -> list[str]:
    """Until when those serve that were let in without a decision."""
    return [
        moment_text(admission.valid_until)
        for served in serving
        if (admission := served.admitted.admission) is not None and admission.is_break_glass
    ]
