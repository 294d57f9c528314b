"""The outcome of a gate: every rule with what was found, and what all of them come to. It is not signed here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vouchml.governance.finding import Finding, Verdict, worst
from vouchml.governance.signed_evidence import moment_text

FORMAT: Final = "vouchml-gate-outcome-v1"


@dataclass(frozen=True)
class Outcome:
    """What a policy says of one version at one time. Times are UTC; without a champion nothing was compared."""

    name: str
    version: int
    model_digest: str
    policy_digest: str
    test_set_sha256: str
    test_rows: int
    test_positives: int
    champion: int | None
    champion_digest: str | None
    judged_before: tuple[int, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    at: datetime
    valid_until: datetime

    @property
    def verdict(self) -> Verdict:
        """PASS, FAIL or INCONCLUSIVE."""
        return worst(finding.verdict for finding in self.findings)

    @property
    def deciding(self) -> tuple[Finding, ...]:
        """The findings that make the verdict what it is; none for PASS, which takes all of them."""
        verdict = self.verdict
        if verdict is Verdict.PASS:
            return ()
        return tuple(finding for finding in self.findings if finding.verdict is verdict)

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON has it, all numbers finite: what a decision signs."""
        return {
            "format": FORMAT,
            "registered_model": self.name,
            "version": self.version,
            "model_digest": self.model_digest,
            "policy_digest": self.policy_digest,
            "outcome": self.verdict.value,
            "decided_by": [finding.rule for finding in self.deciding],
            "test_set": {
                "sha256": self.test_set_sha256,
                "rows": self.test_rows,
                "positives": self.test_positives,
                "versions_judged_before": list(self.judged_before),
            },
            "champion": None
            if self.champion is None
            else {"version": self.champion, "model_digest": self.champion_digest},
            "rules": [finding.to_dict() for finding in self.findings],
            "warnings": list(self.warnings),
            "at": moment_text(self.at),
            "valid_until": moment_text(self.valid_until),
        }
