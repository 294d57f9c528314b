"""What one rule of the policy comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from vouchml.governance.statistics.intervals import Interval


class Verdict(StrEnum):
    """What a rule, or all of them, come to. INCONCLUSIVE: too few rows to say; a person must decide, and sign why."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_APPLICABLE = "NOT_APPLICABLE"


@dataclass(frozen=True)
class Finding:
    """What a rule asked, what was found, and why that gives its verdict.

    `low` and `high` are the ends of the interval that was held against `bound`; `rows` is what it stands on, and
    `rows_needed` what would decide at the observed value and spread (None: no number of rows would, or none is needed).
    """

    rule: str
    asked: str
    found: str
    verdict: Verdict
    decided_by: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    p_value: float | None = None
    rows: int | None = None
    rows_needed: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        return {**asdict(self), "verdict": self.verdict.value}


def at_least(interval: Interval, bound: float) -> Verdict:
    """PASS when all of the interval is at least `bound`, FAIL when none of it is."""
    if interval.low >= bound:
        return Verdict.PASS
    return Verdict.FAIL if interval.high < bound else Verdict.INCONCLUSIVE


def at_most(interval: Interval, bound: float) -> Verdict:
    """PASS when all of the interval is at most `bound`, FAIL when none of it is."""
    if interval.high <= bound:
        return Verdict.PASS
    return Verdict.FAIL if interval.low > bound else Verdict.INCONCLUSIVE


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """FAIL if any rule failed, else INCONCLUSIVE if any could not be decided, else PASS."""
    found = set(verdicts)
    return next((verdict for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE) if verdict in found), Verdict.PASS)
