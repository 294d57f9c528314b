"""Approvals: what a person signs about a model digest, and how many of them count.

They are counted from the statements themselves, never from what somebody says that they said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
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
)
from vouchml.trust.dsse import Envelope, read_envelope
from vouchml.trust.separation import Separation, require_apart
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.statement import APPROVAL as APPROVAL_TYPE
from vouchml.trust.statement import sign_statement, statement_about, verify_statement
from vouchml.trust.trust_store import TrustedKey, TrustStore

Meaning = Literal["authored", "reviewed", "approved", "rejected", "inconclusive accepted"]
MEANINGS: Final[tuple[Meaning, ...]] = get_args(Meaning)
_APPROVER: Final = "approver"


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """An approval whose signature counts."""

    file: str
    meaning: Meaning
    reason: str
    time: datetime
    signer: TrustedKey

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


def read_approval(name: str, content: bytes, digest: str, trust: TrustStore, *, at: datetime) -> SignedApproval:
    """The approval in a file.

    Raises:
        EvidenceRefused: its signature does not count, it is about another digest, or it is in another's name.
    """
    verified = verify_statement(
        read_envelope(content), trust, role=_APPROVER, at=at, digest=digest, predicate_type=APPROVAL_TYPE
    )
    predicate, (signer, *others) = verified.statement.predicate, verified.signers
    meaning = next((each for each in MEANINGS if each == predicate.get("meaning")), None)
    if meaning is None:
        raise StatementInvalid(f"The approval means none of: {', '.join(MEANINGS)}.")
    if others or (predicate.get("name"), predicate.get("email")) != (signer.name, signer.email):
        raise ApprovalForged(
            f"The approval {name} is in another name than that of the key that signed it.",
            remedy="Have the person sign it: vouch approve VERSION --as NAME",
        )
    return SignedApproval(name, meaning, read_text(predicate, "reason"), read_moment(predicate, "time"), signer)


def read_approvals(
    files: EvidenceFiles, digest: str, trust: TrustStore, *, at: datetime
) -> tuple[tuple[SignedApproval, ...], tuple[EvidenceRefused, ...]]:
    """The approvals that count, the newest first, and why the others do not."""
    good, refused = [], []
    for name, content in dated_files(files, APPROVAL):
        try:
            good.append(read_approval(name, content, digest, trust, at=at))
        except EvidenceRefused as error:
            refused.append(error)
    return tuple(good), tuple(refused)


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
    for approval in approvals:  # the newest first
        if approval.meaning in ("approved", "rejected"):
            last_words.setdefault(approval.signer.email.casefold(), approval)
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


def accepting(approvals: Sequence[SignedApproval]) -> SignedApproval | None:
    """The newest approval that accepts an inconclusive outcome."""
    with suppress(StopIteration):
        return next(each for each in approvals if each.meaning == "inconclusive accepted")
    return None
