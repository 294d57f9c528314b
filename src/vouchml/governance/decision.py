"""The decision: what the gate signs about a model digest, an SLSA Verification Summary Attestation v1.

https://slsa.dev/spec/v1.0/verification_summary. What SLSA has no field for is under the one key `vouchml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal

from vouchml import __version__
from vouchml.errors import (
    DecisionExpired,
    DecisionFailed,
    DecisionMissing,
    EvidenceRefused,
    PolicyMismatch,
    StatementInvalid,
)
from vouchml.governance.signed_evidence import (
    DECISION,
    EvidenceFiles,
    dated_files,
    described,
    moment_text,
    read_moment,
    read_part,
    read_text,
    require_about,
    require_model,
    require_own_name,
)
from vouchml.trust.dsse import Envelope, read_envelope
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.statement import VERIFICATION_SUMMARY, sign_statement, statement_about, verify_statement
from vouchml.trust.trust_store import TrustedKey, TrustStore

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
_RESULTS: Final[Mapping[Verdict, str]] = {"PASS": "PASSED", "FAIL": "FAILED", "INCONCLUSIVE": "FAILED"}
#: Of several in one second the most careful counts: a name must not decide.
_CARE: Final[tuple[Verdict, ...]] = ("PASS", "INCONCLUSIVE", "FAIL")
_VERIFIER: Final = "https://vouchml.dev/gate"


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision whose signature counts, about the digest that was asked for."""

    file: str
    sha256: str
    verdict: Verdict
    policy: str
    contract: str
    decided_at: datetime
    valid_until: datetime
    inputs: Mapping[str, str]
    signer: TrustedKey


def sign_decision(
    rules: Mapping[str, Any],
    *,
    model: str,
    digest: str,
    contract: str,
    inputs: EvidenceFiles,
    key: SigningKey,
) -> Envelope:
    """A decision that says what `Outcome.to_dict` says, `rules`, of the model with the contract digest `contract`."""
    verdict: Verdict = rules["outcome"]
    predicate = {
        "verifier": {"id": _VERIFIER, "version": {"vouchml": __version__}},
        "timeVerified": rules["at"],
        "resourceUri": _uri(model),
        "policy": {"uri": "vouch.toml#policy", "digest": {"sha256": rules["policy_digest"]}},
        "inputAttestations": described(inputs),
        "verificationResult": _RESULTS[verdict],
        "verifiedLevels": [f"VOUCHML_GATE_{verdict}"],
        "vouchml": {"outcome": verdict, "validUntil": rules["valid_until"], "contract": contract, "rules": rules},
    }
    return sign_statement(statement_about(digest, model, VERIFICATION_SUMMARY, predicate), [key])


def read_decision(name: str, content: bytes, digest: str, trust: TrustStore, *, model: str, at: datetime) -> Decision:
    """The decision in a file, about the registered model `model`.

    Raises:
        EvidenceRefused: its signature does not count, it is about another digest or model, contradicts itself, or the
            file has another name than its signed time and its key give it.
    """
    verified = verify_statement(
        read_envelope(content), trust, role="gate", at=at, digest=digest, predicate_type=VERIFICATION_SUMMARY
    )
    predicate = verified.statement.predicate
    require_about(verified.statement, model)
    require_model(_uri(model), read_text(predicate, "resourceUri"))
    decided_at = read_moment(predicate, "timeVerified")
    require_own_name(name, DECISION, decided_at, verified.signers)
    ours = read_part(predicate, "vouchml")
    verdict = next((each for each in _RESULTS if each == ours.get("outcome")), None)
    if verdict is None or predicate.get("verificationResult") != _RESULTS[verdict]:
        raise StatementInvalid("The decision contradicts itself.", remedy="Have the gate run again: vouch gate VERSION")
    policy = read_text(read_part(read_part(predicate, "policy"), "digest"), "sha256")
    return Decision(
        file=name,
        sha256=sha256(content).hexdigest(),
        verdict=verdict,
        policy=policy,
        contract=read_text(ours, "contract"),
        decided_at=decided_at,
        valid_until=read_moment(ours, "validUntil"),
        inputs=_inputs(predicate),
        signer=verified.signers[0],
    )


def newest_decision(files: EvidenceFiles, digest: str, trust: TrustStore, *, model: str, at: datetime) -> Decision:
    """The decision that counts: the newest one, by the time that is signed, with a signature that does.

    Raises:
        DecisionMissing: there is none at all.
        EvidenceRefused: there are some, and this is why the newest of them does not count.
    """
    good, problem = [], None
    for name, content in dated_files(files, DECISION):
        try:
            good.append(read_decision(name, content, digest, trust, model=model, at=at))
        except EvidenceRefused as error:
            problem = problem or error
    if not good:
        raise problem or DecisionMissing("No gate has decided on the model.", remedy="Run the gate: vouch gate VERSION")
    return newest_of(good)


def newest_of(decisions: Sequence[Decision]) -> Decision:
    """The newest of some decisions; of those at the same time a FAIL, else one that is INCONCLUSIVE."""
    return max(decisions, key=lambda each: (each.decided_at, _CARE.index(each.verdict), each.file))


def require_valid(decision: Decision, files: EvidenceFiles, policies: frozenset[str], *, at: datetime) -> None:
    """Check that a decision still holds under one of the `policies`, by digest, for the evidence that is there.

    Raises:
        DecisionFailed, DecisionExpired, PolicyMismatch, DecisionMissing: it does not.
    """
    if decision.verdict == "FAIL":
        raise DecisionFailed(
            "The gate's decision on the model is FAIL.", remedy="See why: vouch gate VERSION --explain"
        )
    if not decision.decided_at <= at < decision.valid_until:
        raise DecisionExpired(
            f"The gate's decision was valid until {moment_text(decision.valid_until)}.",
            remedy="Run the gate again: vouch gate VERSION",
        )
    if decision.policy not in policies:
        raise PolicyMismatch(
            "The gate decided by another policy than that of this project.",
            remedy="Run the gate again, or name the policy in [trust] accepted_policies.",
        )
    for name, expected in decision.inputs.items():
        if name not in files or sha256(files[name]).hexdigest() != expected:
            raise DecisionMissing(
                f"The evidence {name} that the gate decided on is gone or changed.",
                remedy="Put it back, or run the gate again: vouch gate VERSION",
            )


def _uri(model: str) -> str:
    return f"models:/{model}"


def _inputs(predicate: Mapping[str, Any]) -> dict[str, str]:
    inputs = predicate.get("inputAttestations")
    try:
        return {str(each["uri"]): str(each["digest"]["sha256"]) for each in inputs or ()}
    except (KeyError, TypeError):
        raise StatementInvalid("The decision does not name its evidence by digest.") from None
