"""Admission: whether a model may be loaded, judged from its files, what was signed about them, and whose keys count.

It is asked where the model is loaded, by whoever loads it, on a private copy. MLflow's stages and tags have no say.
What is missing denies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vouchml.errors import ContractMismatch, DecisionFailed, EvidenceRefused, FileChanged, SignatureMissing
from vouchml.governance.approvals import SignedApproval, accepting, authors_of, read_approvals, require_approvals
from vouchml.governance.break_glass import break_glass_until
from vouchml.governance.decision import Decision, newest_decision, require_valid
from vouchml.governance.grounds import require_grounds
from vouchml.governance.policy import policy_digest
from vouchml.governance.signed_evidence import EvidenceFiles, moment_text, require_model
from vouchml.model.contract import contract_sha256
from vouchml.settings import Settings
from vouchml.trust.model_signature import SIGNATURE_FILE, read_model_signature, verify_model
from vouchml.trust.separation import Separation
from vouchml.trust.trust_store import TrustedKey, TrustStore


@dataclass(frozen=True)
class AdmissionRules:
    """What the operator of a service asks for: the policies that count, by digest, and approvals by role.

    `model` is the name of the registered model that everything signed must be about.
    """

    policies: frozenset[str]
    approvals: Mapping[str, int]
    separation: Separation
    model: str

    @classmethod
    def of(cls, settings: Settings) -> AdmissionRules:
        """The rules of a project: its own policy counts, and those that it names by digest."""
        return cls(
            policies=frozenset({policy_digest(settings.policy), *settings.trust.accepted_policies}),
            approvals=settings.policy.approvals,
            separation=settings.trust.separation,
            model=settings.project.registered_model,
        )


@dataclass(frozen=True)
class Admission:
    """Why a model was let in, and until when. `decision` is None when two people let it in without the gate."""

    digest: str
    trainer: TrustedKey
    decision: Decision | None
    approvals: tuple[SignedApproval, ...]
    valid_until: datetime

    @property
    def is_break_glass(self) -> bool:
        """Whether it is an emergency admission, which every answer says."""
        return self.decision is None

    @property
    def decision_sha256(self) -> str | None:
        """The SHA-256 of the decision's file, as the ledger names it."""
        return self.decision.sha256 if self.decision is not None else None

    def to_dict(self) -> dict[str, Any]:
        """The admission as `/model-info` shows it."""
        decision = self.decision
        return {
            "outcome": decision.verdict if decision else "BREAK_GLASS",
            "sha256": decision.sha256 if decision else None,
            "decided_at": moment_text(decision.decided_at) if decision else None,
            "valid_until": moment_text(self.valid_until),
            "gate": decision.signer.name if decision else None,
            "signed_by": self.trainer.name,
            "approvals": [approval.to_dict() for approval in self.approvals],
        }


def admit(
    folder: Path, digest: str, files: EvidenceFiles, *, trust: TrustStore, rules: AdmissionRules, at: datetime
) -> Admission:
    """Judge the model in `folder`, a private copy with this model digest, by the evidence `files`.

    Raises:
        EvidenceRefused: it may not be loaded, and a child says why.
    """
    # First: a key that has run out is no reason to stop what serves, and a revoked model is.
    trust.require_not_revoked(digest)
    trainer = require_signed(folder, digest, files, trust, model=rules.model, at=at)
    approvals, refused = read_approvals(files, digest, trust, model=rules.model, at=at)
    authors = authors_of(trainer, approvals)
    until = _break_glass(files, digest, trust, rules, at)
    if until is not None:
        return Admission(digest, trainer, None, approvals, until)
    decision = newest_decision(files, digest, trust, model=rules.model, at=at)
    require_valid(decision, files, rules.policies, at=at)
    require_grounds(decision, files, digest, trust, model=rules.model)
    accepted = accepting(approvals, decision.sha256, authors, separation=rules.separation)
    if decision.verdict == "INCONCLUSIVE" and accepted is None:
        raise DecisionFailed(
            "The gate's decision on the model is INCONCLUSIVE, and nobody has accepted that who may.",
            remedy='vouch approve VERSION --as NAME --meaning "inconclusive accepted" --reason TEXT',
        )
    require_approvals(rules.approvals, approvals, refused, authors, separation=rules.separation)
    if contract_sha256(folder) != decision.contract:
        raise ContractMismatch(
            "The model's contract is not the one that the gate decided on.", remedy="Run the gate: vouch gate VERSION"
        )
    return Admission(digest, trainer, decision, approvals, decision.valid_until)


def require_signed(
    folder: Path, digest: str, files: EvidenceFiles, trust: TrustStore, *, model: str, at: datetime
) -> TrustedKey:
    """Check that a trainer signed exactly these files as those of the registered model `model`, and give the key.

    Raises:
        EvidenceRefused: not so, and a child says why.
    """
    if SIGNATURE_FILE not in files:
        raise SignatureMissing("The model is not signed.", remedy="Sign it: vouch sign VERSION")
    signed, trainer = verify_model(folder, read_model_signature(files[SIGNATURE_FILE]), trust, at=at)
    if signed.digest != digest:
        raise FileChanged("The files are signed under another model digest than the one that was asked for.")
    require_model(model, signed.name)
    return trainer


def _break_glass(
    files: EvidenceFiles, digest: str, trust: TrustStore, rules: AdmissionRules, at: datetime
) -> datetime | None:
    """Until when an emergency admission holds; one that does not count must not stand in the way of a decision."""
    try:
        return break_glass_until(files, digest, trust, model=rules.model, at=at, separation=rules.separation)
    except EvidenceRefused:
        return None
