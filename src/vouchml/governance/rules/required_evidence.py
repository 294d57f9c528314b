"""Evidence that there must be."""

from __future__ import annotations

from collections.abc import Iterator

from vouchml.governance.evidence import Champion, Evidence
from vouchml.governance.finding import Finding, Verdict
from vouchml.settings import PolicySettings


def check_required_evidence(policy: PolicySettings, evidence: Evidence, champion: Champion | None) -> Iterator[Finding]:
    """Yield one finding for each kind that is asked for; what is missing fails."""
    there = evidence.kinds | evidence.signed.kinds
    for kind in policy.required_evidence:
        yield Finding(
            rule=f"evidence.{kind}",
            asked="is there",
            found="there" if kind in there else "missing",
            verdict=Verdict.PASS if kind in there else Verdict.FAIL,
            decided_by="presence",
        )
