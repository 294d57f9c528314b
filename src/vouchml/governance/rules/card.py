"""Fields of the model card that only a person can fill."""

from __future__ import annotations

from collections.abc import Iterator

from vouchml.governance.evidence import Champion, Evidence
from vouchml.governance.finding import Finding, Verdict
from vouchml.settings import PolicySettings


def check_card(policy: PolicySettings, evidence: Evidence, champion: Champion | None) -> Iterator[Finding]:
    """Yield one finding for each field that is asked for; white space is no answer."""
    for name in policy.card_fields:
        filled = bool(evidence.card.get(name, "").strip())
        yield Finding(
            rule=f"card.{name}",
            asked=f"is filled in {policy.card}",
            found="filled" if filled else "empty",
            verdict=Verdict.PASS if filled else Verdict.FAIL,
            decided_by="presence",
        )
