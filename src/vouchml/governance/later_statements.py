"""What was signed about a model since it was let in: decisions, approvals and emergency admissions that count."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from vouchml.errors import EvidenceRefused
from vouchml.governance import signed_evidence
from vouchml.governance.admission import AdmissionRules
from vouchml.governance.approvals import read_approval
from vouchml.governance.break_glass import read_break_glass
from vouchml.governance.decision import read_decision
from vouchml.governance.signed_evidence import EvidenceFiles, kind_of
from vouchml.trust.trust_store import TrustStore


def later_statements(
    found: EvidenceFiles, known: EvidenceFiles, digest: str, trust: TrustStore, *, rules: AdmissionRules, at: datetime
) -> dict[str, bytes]:
    """The dated statements in `found` that are not in `known`, and whose signatures count for the model at `at`.

    What somebody without a key writes beside them is none.
    """
    later: dict[str, bytes] = {}
    for name, content in found.items():
        if known.get(name) != content:
            with suppress(EvidenceRefused):
                if _is_statement(name, content, digest, trust, rules, at):
                    later[name] = content
    return later


def _is_statement(
    name: str, content: bytes, digest: str, trust: TrustStore, rules: AdmissionRules, at: datetime
) -> bool:
    """Whether a file is a dated statement.

    Raises:
        EvidenceRefused: it has the name of one, and does not count.
    """
    match kind_of(name):
        case signed_evidence.DECISION:
            read_decision(name, content, digest, trust, model=rules.model, at=at)
        case signed_evidence.APPROVAL:
            read_approval(name, content, digest, trust, model=rules.model, at=at)
        case signed_evidence.BREAK_GLASS:
            read_break_glass(name, content, digest, trust, model=rules.model, at=at, separation=rules.separation)
        case _:
            return False
    return True
