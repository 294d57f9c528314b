"""What a family of rules is: it looks at the policy, at the evidence and at the champion, and says what it found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from vouchml.governance.evidence import Champion, Evidence
from vouchml.governance.finding import Finding
from vouchml.settings import PolicySettings


class Check(Protocol):
    """One family of rules. It yields a finding for each of its rules that the policy asks for, and never raises."""

    def __call__(self, policy: PolicySettings, evidence: Evidence, champion: Champion | None) -> Iterable[Finding]:
        """Hold `evidence` against `policy`; `champion` is None where no other version serves."""
        ...
