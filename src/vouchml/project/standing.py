"""Where a version stands, for lists: signed, decided on, revoked, as far as its evidence alone says.

The files of the version are not fetched, so nothing here says that they still are what was signed: that is asked where
it matters, by `vouch promote`, `vouch audit` and the service.

```python
standing = standing_of(settings, registry, version, trust, at=now)
standing.signature, standing.decision  # "good", the newest decision that a gate signed
```
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from vouchml.errors import DecisionFailed, DecisionMissing, EvidenceRefused, ModelRevoked, VouchError
from vouchml.governance.admission import AdmissionRules
from vouchml.governance.decision import Decision, newest_decision, require_valid
from vouchml.governance.grounds import require_grounds
from vouchml.governance.signed_evidence import EvidenceFiles, is_evidence_name, moment_text, require_model
from vouchml.registry import ModelRegistry, Version
from vouchml.registry.evidence_files import fetch_evidence
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.model_signature import SIGNATURE_FILE, read_model_signature, read_signed_model, verify_signer
from vouchml.trust.trust_store import TrustStore

Signature = Literal["good", "missing", "refused", "not checked"]
Gate = Literal["decided", "missing", "refused", "not checked"]


@dataclass(frozen=True)
class Standing:
    """What the evidence about one version says now; `problems` are the reasons of what does not count.

    `digest` is the model digest that was signed, and `signer` the name of the key, where its signature is good.
    `decision` is the newest one with a signature that counts; it `holds` if it is not FAIL, valid now, by a policy of
    the project, and what it rests on is there and counts. `revoked` is None where no digest is known.
    """

    signature: Signature
    gate: Gate
    digest: str | None = None
    signer: str | None = None
    decision: Decision | None = None
    holds: bool = False
    revoked: bool | None = None
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The standing as JSON has it."""
        decision = self.decision
        return {
            "files_checked": False,
            "signature": self.signature,
            "signed_by": self.signer,
            "model_digest": self.digest,
            "gate": decision.verdict if decision else self.gate,
            "gate_key": decision.signer.name if decision else None,
            "decided_at": moment_text(decision.decided_at) if decision else None,
            "valid_until": moment_text(decision.valid_until) if decision else None,
            "decision_holds": self.holds if decision else None,
            "revoked": self.revoked,
            "problems": list(self.problems),
        }


def standings(settings: Settings, registry: ModelRegistry, versions: Iterable[Version]) -> dict[int, Standing]:
    """The standing of each of `versions` now, by its number."""
    now = datetime.now(UTC)
    try:
        trust = KeyRing(settings.signing_keys_folder, settings.trust_store_path).store()
    except VouchError as problem:
        return {version.number: _not_checked(problem) for version in versions}
    return {version.number: standing_of(settings, registry, version, trust, at=now) for version in versions}


def standing_of(
    settings: Settings, registry: ModelRegistry, version: Version, trust: TrustStore, *, at: datetime
) -> Standing:
    """Read what was signed about `version` and hold it against the keys of `trust`."""
    try:
        files = fetch_evidence(registry, version, is_evidence_name)
    except VouchError as problem:
        return _not_checked(problem)
    if SIGNATURE_FILE not in files:
        # A decision is about a digest, and nobody says which these files have.
        gate: Gate = "not checked" if files else "missing"
        return Standing("missing", gate)
    return _judged(files, trust, AdmissionRules.of(settings), at)


def _judged(files: EvidenceFiles, trust: TrustStore, rules: AdmissionRules, at: datetime) -> Standing:
    try:
        signature = read_model_signature(files[SIGNATURE_FILE])
        signed = read_signed_model(signature)
        require_model(rules.model, signed.name)
        signer = verify_signer(signature, trust, at=at)
    except EvidenceRefused as problem:
        return Standing("refused", "not checked", problems=(problem.message,))
    gate, decision, problems = _decision(files, signed.digest, trust, rules, at)
    try:
        trust.require_not_revoked(signed.digest)
        revoked = False
    except ModelRevoked as problem:
        revoked, problems = True, (problem.message, *problems)
    return Standing(
        "good",
        gate,
        digest=signed.digest,
        signer=signer.name,
        decision=decision,
        holds=decision is not None and decision.verdict != "FAIL" and not problems,
        revoked=revoked,
        problems=problems,
    )


def _decision(
    files: EvidenceFiles, digest: str, trust: TrustStore, rules: AdmissionRules, at: datetime
) -> tuple[Gate, Decision | None, tuple[str, ...]]:
    try:
        decision = newest_decision(files, digest, trust, model=rules.model, at=at)
    except DecisionMissing:
        return "missing", None, ()
    except EvidenceRefused as problem:
        return "refused", None, (problem.message,)
    try:
        require_valid(decision, files, rules.policies, at=at)
        require_grounds(decision, files, digest, trust, model=rules.model)
    except DecisionFailed:
        return "decided", decision, ()  # which the verdict says
    except EvidenceRefused as problem:
        return "decided", decision, (problem.message,)
    return "decided", decision, ()


def _not_checked(problem: VouchError) -> Standing:
    """What is said where the evidence, or the keys that it is held against, cannot be read."""
    return Standing("not checked", "not checked", problems=(problem.message,))
