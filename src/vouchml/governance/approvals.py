"""Approvals: what a person signs about a model digest, and how many of them count.

They are counted from the statements themselves, never from what somebody says that they said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from vouchml.errors import ApprovalForged, ApprovalsMissing, EvidenceRefused, SeparationBroken, StatementInvalid
from vouchml.governance.signed_evidence import (
    APPROVAL,
    EvidenceFiles,
    dated_files,
    described,
    moment_text,
    read_moment,
    read_text,
    require_about,
    require_own_name,
)
from vouchml.trust.dsse import Envelope, read_envelope
from vouchml.trust.separation import Separation, person_of, require_apart
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.statement import APPROVAL as APPROVAL_TYPE
from vouchml.trust.statement import sign_statement, statement_about, verify_statement
from vouchml.trust.trust_store import TrustedKey, TrustStore

Meaning = Literal["authored", "reviewed", "approved", "rejected", "inconclusive accepted"]
MEANINGS: Final[tuple[Meaning, ...]] = get_args(Meaning)
_APPROVER: Final = "approver"


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """An approval whose signature counts. `evidence` has the SHA-256 of each file that the person had."""

    file: str
    meaning: Meaning
    reason: str
    time: datetime
    signer: TrustedKey
    evidence: frozenset[str]

    def to_dict(self) -> dict[str, Any]:
        """The approval as a page shows it."""
        return {
            "file": self.file,
            "meaning": self.meaning,
            "reason": self.reason,
            "time": moment_text(self.time),
            "name": self.signer.name,
            "key": self.signer.key_id,
        }


def sign_approval(
    model: str,
    digest: str,
    meaning: Meaning,
    reason: str,
    *,
    key: SigningKey,
    trusted: TrustedKey,
    seen: EvidenceFiles,
    at: datetime,
) -> Envelope:
    """What the owner of `key` says about the digest, having seen the evidence `seen`."""
    predicate = {
        "meaning": meaning,
        "name": trusted.name,
        "email": trusted.email,
        "time": moment_text(at),
        "reason": reason,
        "evidence": described(seen),
    }
    return sign_statement(statement_about(digest, model, APPROVAL_TYPE, predicate), [key])


def read_approval(
    name: str, content: bytes, digest: str, trust: TrustStore, *, model: str, at: datetime
) -> SignedApproval:
    """The approval in a file, about the registered model `model`.

    Raises:
        EvidenceRefused: its signature does not count, it is about another digest or model, it is in another's name, or
            the file has another name than its signed time and its key give it.
    """
    verified = verify_statement(
        read_envelope(content), trust, role=_APPROVER, at=at, digest=digest, predicate_type=APPROVAL_TYPE
    )
    predicate, (signer, *others) = verified.statement.predicate, verified.signers
    require_about(verified.statement, model)
    meaning = next((each for each in MEANINGS if each == predicate.get("meaning")), None)
    if meaning is None:
        raise StatementInvalid(f"The approval means none of: {', '.join(MEANINGS)}.")
    if others or (predicate.get("name"), predicate.get("email")) != (signer.name, signer.email):
        raise ApprovalForged(
            f"The approval {name} is in another name than that of the key that signed it.",
            remedy="Have the person sign it: vouch approve VERSION --as NAME",
        )
    time = read_moment(predicate, "time")
    require_own_name(name, APPROVAL, time, [signer])
    return SignedApproval(name, meaning, read_text(predicate, "reason"), time, signer, _seen(predicate))


def read_approvals(
    files: EvidenceFiles, digest: str, trust: TrustStore, *, model: str, at: datetime
) -> tuple[tuple[SignedApproval, ...], tuple[EvidenceRefused, ...]]:
    """The approvals that count, as `newest_first` has them, and why the others do not."""
    good, refused = [], []
    for name, content in dated_files(files, APPROVAL):
        try:
            good.append(read_approval(name, content, digest, trust, model=model, at=at))
        except EvidenceRefused as error:
            refused.append(error)
    return newest_first(good), tuple(refused)


def newest_first(approvals: Iterable[SignedApproval]) -> tuple[SignedApproval, ...]:
    """Approvals by the time that is signed; of those at the same time a rejection comes first, so that it counts."""
    return tuple(sorted(approvals, key=lambda each: (each.time, each.meaning == "rejected", each.file), reverse=True))


def authors_of(trainer: TrustedKey, approvals: Iterable[SignedApproval]) -> tuple[TrustedKey, ...]:
    """The keys of those whose work is judged: the trainer's, and those that signed that their owners authored it."""
    return (trainer, *(each.signer for each in approvals if each.meaning == "authored"))


def require_approvals(
    asked: Mapping[str, int],
    approvals: Sequence[SignedApproval],
    refused: Sequence[EvidenceRefused],
    authors: Sequence[TrustedKey],
    *,
    separation: Separation,
) -> None:
    """Check that as many people approved as the policy asks for, and that nobody's last word is a rejection.

    Raises:
        ApprovalsMissing: too few did, or somebody rejected.
        ApprovalForged, SeparationBroken, EvidenceRefused: too few did, and this is why one more does not count.
    """
    last_words: dict[str, SignedApproval] = {}
    for approval in newest_first(approvals):
        if approval.meaning in ("approved", "rejected"):
            last_words.setdefault(person_of(approval.signer), approval)
    if rejecting := next((each for each in last_words.values() if each.meaning == "rejected"), None):
        raise ApprovalsMissing(f"{rejecting.signer.name} rejected the model: {rejecting.reason}")
    for role, least in sorted(asked.items()):
        approving, problem = 0, next(iter(refused), None)
        for approval in last_words.values():
            try:
                require_apart(separation, approval.signer, authors)
            except SeparationBroken as error:
                problem = problem or error
                continue
            approving += approval.signer.role == role
        if approving < least:
            raise problem or ApprovalsMissing(
                f"{approving} of {least} approvals by the role {role} are there.",
                remedy="Have it approved: vouch approve VERSION --as NAME --reason TEXT",
            )


def accepting(
    approvals: Sequence[SignedApproval], decision: str, authors: Sequence[TrustedKey], *, separation: Separation
) -> SignedApproval | None:
    """The newest approval that accepts the inconclusive decision whose file has the SHA-256 `decision`.

    Nobody accepts by having seen another decision, nor what is their own work.
    """
    for approval in newest_first(approvals):
        if approval.meaning != "inconclusive accepted" or decision not in approval.evidence:
            continue
        try:
            require_apart(separation, approval.signer, authors)
        except SeparationBroken:
            continue
        return approval
    return None


def _seen(predicate: Mapping[str, Any]) -> frozenset[str]:
    try:
        return frozenset(str(each["digest"]["sha256"]) for each in predicate["evidence"])
    except (KeyError, TypeError):
        raise StatementInvalid("The approval does not name its evidence by digest.") from None
