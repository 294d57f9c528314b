"""The link from a prediction to the signed decision itself, which the ledger names by its SHA-256.

A signature says who spoke, the verdict what they said. So the reason begins with the verdict, and only one that let the
version serve is verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from vouchml.errors import EvidenceRefused, VouchError
from vouchml.governance.approvals import SignedApproval, accepting, authors_of, read_approvals
from vouchml.governance.decision import Decision, read_decision
from vouchml.governance.signed_evidence import EvidenceFiles, is_evidence_name
from vouchml.ledger.link import LinkStatus
from vouchml.ledger.trace_link import TraceLink
from vouchml.registry import ModelRegistry, Version
from vouchml.registry.evidence_files import fetch_evidence
from vouchml.settings import Settings
from vouchml.trust.model_signature import SIGNATURE_FILE, read_model_signature, verify_signer
from vouchml.trust.trust_store import TrustStore
from vouchml.trust.trust_store_file import read_trust_store


def decision_link(settings: Settings, registry: ModelRegistry, version: Version, leaf: Mapping[str, Any]) -> TraceLink:
    """Whether the decision that the prediction of `leaf` names let `version` serve when it was made."""
    named, served = leaf["served"]["decision"], leaf["served"]
    accepted = None
    try:
        files = fetch_evidence(registry, version, is_evidence_name)
        found = next((name for name in files if sha256(files[name]).hexdigest() == named), None)
        if found is None:
            reason = "The decision that the ledger names is not among the evidence any more."
            return _link(LinkStatus.NOT_CHECKED, reason, sha256=named)
        trust, answered = read_trust_store(settings.trust_store_path), datetime.fromisoformat(leaf["time"])
        decision = read_decision(found, files[found], served["model"], trust, model=version.name, at=answered)
        if decision.verdict == "INCONCLUSIVE":
            accepted = _accepted(settings, files, decision, served["model"], trust, model=version.name, at=answered)
    except EvidenceRefused as error:
        return _link(LinkStatus.FAILED, error.message, sha256=named)
    except VouchError as error:
        return _link(LinkStatus.NOT_CHECKED, error.message, sha256=named)
    facts = {"file": found, "verdict": decision.verdict, "gate": decision.signer.name, "sha256": named}
    if not decision.decided_at <= answered < decision.valid_until or decision.contract != served["contract"]:
        reason = f"{decision.verdict}, but about another contract, or not valid when the prediction was made."
        return _link(LinkStatus.FAILED, reason, **facts)
    return _link(*_by_verdict(decision, accepted), **facts)


def _by_verdict(decision: Decision, accepted: SignedApproval | None) -> tuple[LinkStatus, str]:
    told = f"{decision.verdict}, signed by the gate about these files"
    if decision.verdict == "PASS":
        return LinkStatus.VERIFIED, f"{told}, and valid then."
    if decision.verdict == "FAIL":
        return LinkStatus.FAILED, f"{told}: the gate did not let this version serve."
    if accepted is None:
        reason = f"{told}: the gate did not let it serve, and no acceptance that counts is among the evidence."
        return LinkStatus.NOT_CHECKED, reason
    return LinkStatus.VERIFIED, f"{told}, valid then, and accepted by {accepted.signer.name}."


def _accepted(
    settings: Settings,
    files: EvidenceFiles,
    decision: Decision,
    digest: str,
    trust: TrustStore,
    *,
    model: str,
    at: datetime,
) -> SignedApproval | None:
    """Who had accepted an inconclusive decision by the time `at`.

    Raises:
        EvidenceRefused: the signature of the model, which says whose work it is, is gone or does not count.
    """
    signature = read_model_signature(files.get(SIGNATURE_FILE, b""))
    approvals, _ = read_approvals(files, digest, trust, model=model, at=at)
    by_then = [approval for approval in approvals if approval.time <= at]
    authors = authors_of(verify_signer(signature, trust, at=at), by_then)
    return accepting(by_then, decision.sha256, authors, separation=settings.trust.separation)


def _link(status: LinkStatus, reason: str, /, **facts: Any) -> TraceLink:
    return TraceLink("origin", "decision", status, reason, facts)
