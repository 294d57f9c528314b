"""The fewest test rows, of both classes and of each, on which a version may be judged."""

from __future__ import annotations

from collections.abc import Iterator

from vouchml.governance.evidence import Champion, Evidence
from vouchml.governance.finding import Finding, Verdict
from vouchml.settings import PolicySettings


def check_sample(policy: PolicySettings, evidence: Evidence, champion: Champion | None) -> Iterator[Finding]:
    """Yield one finding for the rows and one for each class."""
    rows, positives = len(evidence.is_positive), int(evidence.is_positive.sum())
    for name, count, least in (
        ("rows", rows, policy.minimum_rows),
        ("positives", positives, policy.minimum_positives),
        ("negatives", rows - positives, policy.minimum_negatives),
    ):
        enough = count >= least
        yield Finding(
            rule=f"sample.{name}",
            asked=f"at least {least}",
            found=str(count),
            verdict=Verdict.PASS if enough else Verdict.FAIL,
            decided_by="count",
            value=float(count),
            bound=float(least),
            rows=rows,
            rows_needed=None if enough else least,
        )
