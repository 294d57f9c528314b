"""What the gate may believe of a version's evidence: the statements whose signatures count, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from vouchml.errors import EvidenceRefused
from vouchml.governance.approvals import SignedApproval, read_approvals
from vouchml.governance.document_statements import read_bom, read_model_card
from vouchml.governance.evaluation_statement import read_evaluation
from vouchml.governance.evidence import Approval, Signed
from vouchml.governance.provenance import read_provenance, signed_manifest
from vouchml.governance.signed_evidence import (
    EVALUATION_FILE,
    ML_BOM_FILE,
    MODEL_CARD_FILE,
    PROVENANCE_FILE,
    EvidenceFiles,
    require_about,
)
from vouchml.settings import EvidenceKind
from vouchml.trust.model_signature import SIGNATURE_FILE
from vouchml.trust.separation import Separation, person_of
from vouchml.trust.statement import VerifiedStatement
from vouchml.trust.trust_store import TrustedKey, TrustStore


class _Reader(Protocol):
    def __call__(self, content: bytes, digest: str, trust: TrustStore, *, at: datetime) -> VerifiedStatement: ...


@dataclass(frozen=True)
class VerifiedEvidence:
    """What was verified: for the gate, and the files that a decision rests on. `refused` says why others do not count.

    `refused` is by file name.
    """

    signed: Signed
    inputs: EvidenceFiles
    approvals: tuple[SignedApproval, ...]
    refused: Mapping[str, EvidenceRefused]


def verify_evidence(
    files: EvidenceFiles,
    digest: str,
    trust: TrustStore,
    *,
    model: str,
    author: TrustedKey | None,
    separation: Separation,
    at: datetime,
) -> VerifiedEvidence:
    """Verify the statements in `files` about a version of `model` with this digest, signed by `author` or nobody."""
    kinds: dict[EvidenceKind, str] = {}
    manifest = None
    refused: dict[str, EvidenceRefused] = {}
    for kind, (name, read) in _STATEMENTS.items():
        if name in files:
            try:
                verified = read(files[name], digest, trust, at=at)
                require_about(verified.statement, model)
                if kind == "provenance":
                    manifest = signed_manifest(verified)
            except EvidenceRefused as error:
                refused[name] = error
            else:
                kinds[kind] = name
    approvals, problems = read_approvals(files, digest, trust, model=model, at=at)
    refused |= {f"approval {number}": problem for number, problem in enumerate(problems, start=1)}
    counted = {*kinds.values(), *(approval.file for approval in approvals), *([SIGNATURE_FILE] if author else [])}
    return VerifiedEvidence(
        signed=Signed(
            kinds=frozenset(kinds),
            manifest_sha256=manifest,
            approvals=tuple(_for_the_gate(approvals)),
            # Under `roles` another key is enough, and a key has one role: the author's own never approves.
            authors=frozenset({person_of(author)}) if author and separation == "people" else frozenset(),
        ),
        inputs={name: files[name] for name in sorted(counted)},
        approvals=approvals,
        refused=refused,
    )


def _for_the_gate(approvals: tuple[SignedApproval, ...]) -> Iterator[Approval]:
    """The approvals as the gate counts them: of "approved" and "rejected" each person's last word."""
    spoken: set[str] = set()
    for approval in approvals:  # the newest first
        person, meaning = person_of(approval.signer), approval.meaning
        if meaning == "inconclusive accepted" or (meaning in _LAST_WORD and person in spoken):
            continue
        if meaning in _LAST_WORD:
            spoken.add(person)
        yield Approval(person=person, role=approval.signer.role, meaning=meaning)


_LAST_WORD: Final = ("approved", "rejected")
_STATEMENTS: Final[Mapping[EvidenceKind, tuple[str, _Reader]]] = {
    "provenance": (PROVENANCE_FILE, read_provenance),
    "test_result": (EVALUATION_FILE, read_evaluation),
    "ml_bom": (ML_BOM_FILE, read_bom),
    "model_card": (MODEL_CARD_FILE, read_model_card),
}
