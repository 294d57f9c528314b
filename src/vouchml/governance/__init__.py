"""What decides whether a version may serve: the policy, its rules and their statistics, and the gate."""

from vouchml.governance.evidence import Approval, Champion, Evidence, Signed
from vouchml.governance.finding import Finding, Verdict
from vouchml.governance.gate import evaluate, gate_version
from vouchml.governance.outcome import Outcome
from vouchml.governance.policy import policy_digest, policy_text

__all__ = [
    "Approval",
    "Champion",
    "Evidence",
    "Finding",
    "Outcome",
    "Signed",
    "Verdict",
    "evaluate",
    "gate_version",
    "policy_digest",
    "policy_text",
]
