"""in-toto Statement v1: something that is said of a model digest, and by whom once it is signed.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. We write canonical JSON and read strictly: what
the specification lets a reader pass over is refused, because every statement that counts here was written by us.

```python
envelope = sign_statement(statement_about(digest, name, PROVENANCE, predicate), [key])
verified = verify_statement(envelope, store, role="trainer", at=now, digest=digest, predicate_type=PROVENANCE)
```
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vouchml.canonical_json import canonical_json
from vouchml.errors import StatementInvalid, StatementMismatch
from vouchml.trust.dsse import IN_TOTO, Envelope, sign_payload
from vouchml.trust.signed_json import read_object
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.trust_store import Role, TrustedKey, TrustStore

STATEMENT: Final = "https://in-toto.io/Statement/v1"

PROVENANCE: Final = "https://slsa.dev/provenance/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
VERIFICATION_SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
MODEL_SIGNATURE: Final = "https://model_signing/signature/v1.0"
APPROVAL: Final = "https://vouchml.dev/approval/v1"

SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about: a name for people, and a SHA-256 in lower-case hexadecimal that counts."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: its subjects, what kind of thing is said, and what is said."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """The statement as canonical JSON (RFC 8785)."""
        return canonical_json(
            {
                "_type": STATEMENT,
                "subject": [{"name": subject.name, "digest": {"sha256": subject.sha256}} for subject in self.subjects],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement with the keys that signed it, all of the role that was asked for."""

    statement: Statement
    signers: tuple[TrustedKey, ...]


def statement_about(digest: str, name: str, predicate_type: str, predicate: Mapping[str, Any]) -> Statement:
    """A statement about one model digest; `name` is the model's, for people."""
    return Statement((Subject(name, digest),), predicate_type, predicate)


def sign_statement(statement: Statement, keys: Sequence[SigningKey]) -> Envelope:
    """`statement` in an envelope, signed by each of `keys`."""
    return sign_payload(statement.to_bytes(), IN_TOTO, keys)


def verify_statement(
    envelope: Envelope,
    store: TrustStore,
    *,
    role: Role,
    at: datetime,
    digest: str,
    predicate_type: str,
    threshold: int = 1,
) -> VerifiedStatement:
    """The statement in `envelope`, signed by `threshold` keys of `role` and about the model `digest` alone.

    Raises:
        EvidenceRefused: no, and a child says why: the signatures as `Envelope.verify`, StatementInvalid when what is
            signed is no statement, StatementMismatch when it is of another kind or about something else.
    """
    signers = envelope.verify(store, role=role, at=at, threshold=threshold)
    statement = read_statement(envelope)
    if statement.predicate_type != predicate_type:
        raise StatementMismatch(
            f"The statement is of another kind than {predicate_type}.", remedy="It was put in the place of another."
        )
    if [subject.sha256 for subject in statement.subjects] != [digest]:
        raise StatementMismatch(
            f"The statement is not about the model {digest[:16]}.", remedy="It was made for another version."
        )
    return VerifiedStatement(statement, signers)


def read_statement(envelope: Envelope) -> Statement:
    """The statement in `envelope`, whose signatures this does not check.

    Raises:
        StatementInvalid: it is not one.
    """
    try:
        if envelope.payload_type != IN_TOTO:
            raise ValueError(f"is not declared as {IN_TOTO}")  # noqa: TRY301 - told as the others below
        return _statement_from(read_object(envelope.payload))
    except ValueError as problem:
        raise StatementInvalid(
            f"The statement {problem}.", remedy="Whoever signed it signed something else. Have it made again."
        ) from None


def _statement_from(document: dict[str, Any]) -> Statement:
    if document.get("_type") != STATEMENT:
        raise ValueError(f"is not of the type {STATEMENT}")
    if set(document) != {"_type", "subject", "predicateType", "predicate"}:
        raise ValueError("has other fields than _type, subject, predicateType and predicate")
    subjects, predicate_type, predicate = document["subject"], document["predicateType"], document["predicate"]
    if not isinstance(subjects, list) or not subjects:
        raise ValueError("has no subject")
    if not isinstance(predicate_type, str) or not predicate_type:
        raise ValueError("has no predicateType")
    if not isinstance(predicate, dict):
        raise ValueError("has a predicate that is not a JSON object")  # noqa: TRY004 - one kind of error for the caller
    return Statement(tuple(_subject_from(subject) for subject in subjects), predicate_type, predicate)


def _subject_from(subject: Any) -> Subject:
    match subject:
        case {"name": str(name), "digest": {"sha256": str(digest), **others}, **more} if not others and not more:
            if SHA256_HEX.fullmatch(digest):
                return Subject(name, digest)
    raise ValueError("has a subject that is not a name and a sha256")
