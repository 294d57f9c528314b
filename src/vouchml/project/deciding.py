"""Have the gate decide on a version: by what is verified about it, signed if a gate key is on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from vouchml.errors import EvidenceMismatch, EvidenceRefused, SigningKeyNotFound
from vouchml.governance.admission import require_signed
from vouchml.governance.decision import sign_decision
from vouchml.governance.gate import gate_version
from vouchml.governance.outcome import Outcome
from vouchml.governance.signed_evidence import DECISION, dated_name
from vouchml.governance.verified_evidence import VerifiedEvidence, verify_evidence
from vouchml.project.private_copy import PrivateCopy, private_copy
from vouchml.project.saying import Statement, keep_statement
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.model_signature import SIGNATURE_FILE
from vouchml.trust.trust_store import TrustedKey, TrustStore


@dataclass(frozen=True)
class Decided:
    """What the gate found, and the signed decision. Without one `unsigned` says why; it is empty where nobody asked.

    `refused` says by file which evidence did not count, and why.
    """

    outcome: Outcome
    statement: Statement | None
    unsigned: str
    refused: Mapping[str, str]


def decide(
    settings: Settings,
    reference: str,
    *,
    name: str | None = None,
    sign: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> Decided:
    """Hold a version against the policy, and sign and store what comes of it, by the gate key `name` or the only one.

    Raises:
        VouchError: the version cannot be judged at all, see `gate_version`.
        EvidenceMismatch: its files changed while it was judged.
        SigningKeyNotFound: there is no key `name` on this machine.
        ModelRevoked: nothing that a gate says lets it serve again.
        LedgerInvalid, LedgerUnavailable: the decision cannot be recorded, so there is none.
    """
    progress("Reaching MLflow")
    registry = ModelRegistry.connect(settings.tracking_uri)
    version = registry.version(settings.project.registered_model, reference)
    ring = KeyRing(settings.signing_keys_folder, settings.trust_store_path)
    if sign and name is not None:
        ring.signer("gate", name)  # whoever names a key wants it to sign, and nothing else
    with private_copy(registry, version) as copy:
        ring.store().require_not_revoked(copy.digest)
        evidence, signature_problem = _verified(settings, copy, ring.store())
        outcome = gate_version(settings, str(version.number), signed=evidence.signed, progress=progress)
        if outcome.model_digest != copy.digest:
            raise EvidenceMismatch(
                f"The files of version {version.number} changed while it was judged.",
                remedy="Somebody writes to MLflow's artifacts. See who, and run the gate again.",
            )
        refused = {name: error.message for name, error in evidence.refused.items()} | signature_problem
        if not sign:
            return Decided(outcome, None, "", refused)
        try:
            key, trusted = ring.signer("gate", name)
        except SigningKeyNotFound as error:
            return Decided(outcome, None, f"{error.message} {error.remedy}", refused)
        envelope = sign_decision(
            outcome.to_dict(),
            model=version.name,
            digest=copy.digest,
            contract=copy.contract_sha256,
            inputs=evidence.inputs,
            key=key,
        )
        statement = keep_statement(
            settings,
            registry,
            copy,
            kind="decision",
            file=dated_name(DECISION, outcome.at, trusted.key_id),
            envelope=envelope,
            signers=(trusted,),
            details={"outcome": outcome.verdict.value, "policy": outcome.policy_digest},
            at=outcome.at,
        )
        return Decided(outcome, statement, "", refused)


def _verified(settings: Settings, copy: PrivateCopy, trust: TrustStore) -> tuple[VerifiedEvidence, dict[str, str]]:
    """The evidence that counts, and what is wrong with the model's own signature, if something is."""
    now = datetime.now(UTC)
    author: TrustedKey | None = None
    problem: dict[str, str] = {}
    try:
        author = require_signed(copy.folder, copy.digest, copy.evidence, trust, model=copy.version.name, at=now)
    except EvidenceRefused as error:
        problem = {SIGNATURE_FILE: error.message}
    found = verify_evidence(
        copy.evidence,
        copy.digest,
        trust,
        model=copy.version.name,
        author=author,
        separation=settings.trust.separation,
        at=now,
    )
    return found, problem
