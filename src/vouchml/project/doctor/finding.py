"""What one check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended. Only a problem keeps vouchml from working."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found, and what to do about it."""

    check: str
    outcome: Outcome
    found: str
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        """The finding as JSON has it."""
        return {**asdict(self), "outcome": self.outcome.value}


def ok(check: str, found: str) -> Finding:
    """A finding that needs nothing done."""
    return Finding(check, Outcome.OK, found)


def warning(check: str, found: str, fix: str) -> Finding:
    """A finding that a person should know of."""
    return Finding(check, Outcome.WARNING, found, fix)


def problem(check: str, found: str, fix: str) -> Finding:
    """A finding that keeps vouchml from working."""
    return Finding(check, Outcome.PROBLEM, found, fix)
