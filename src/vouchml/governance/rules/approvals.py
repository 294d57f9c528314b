"""How many people of a role approved. Authors do not count, nobody counts twice, and one rejection is enough."""

from __future__ import annotations

from collections.abc import Iterator

from vouchml.governance.evidence import Champion, Evidence
from vouchml.governance.finding import Finding, Verdict
from vouchml.settings import PolicySettings


def check_approvals(policy: PolicySettings, evidence: Evidence, champion: Champion | None) -> Iterator[Finding]:
    """Yield one finding for each role that is asked for, and one if anybody rejected the version."""
    signed = evidence.signed
    authors = signed.authors | {each.person for each in signed.approvals if each.meaning == "authored"}
    for role, least in sorted(policy.approvals.items()):
        people = {each.person for each in signed.approvals if each.role == role and each.meaning == "approved"}
        count, excluded = len(people - authors), len(people & authors)
        own = f" (and {excluded} by its authors, which do not count)" if excluded else ""
        yield Finding(
            rule=f"approvals.{role}",
            asked=f"at least {least}, not by authors",
            found=f"{count}{own}",
            verdict=Verdict.PASS if count >= least else Verdict.FAIL,
            decided_by="count of people",
            value=float(count),
            bound=float(least),
        )
    if rejected := {each.person for each in signed.approvals if each.meaning == "rejected"}:
        yield Finding(
            rule="approvals.rejected",
            asked="nobody rejected it",
            found=f"{len(rejected)} did",
            verdict=Verdict.FAIL,
            decided_by="count of people",
            value=float(len(rejected)),
            bound=0.0,
        )
