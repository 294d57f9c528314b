"""The bill of materials and the model card as signed statements about a model digest.

The predicate of the first is the CycloneDX document itself (https://cyclonedx.org/bom, in-toto's own kind for it), that
of the second holds the card's text: what was signed cannot be lost apart from its signature. The trainer signs what the
model is made of, the evaluator what is said about it.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final, Protocol

from vouchml.errors import StatementInvalid
from vouchml.governance.signed_evidence import (
    ML_BOM_FILE,
    MODEL_CARD_FILE,
    moment_text,
    read_moment,
    read_text,
)
from vouchml.settings import PolicySettings
from vouchml.trust.dsse import Envelope, read_envelope
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.statement import VerifiedStatement, sign_statement, statement_about, verify_statement
from vouchml.trust.trust_store import TrustStore

CYCLONEDX_TYPE: Final = "https://cyclonedx.org/bom"
MODEL_CARD_TYPE: Final = "https://vouchml.dev/model-card/v1"


class ReadDocument(Protocol):
    """`read_bom` or `read_model_card`."""

    def __call__(self, content: bytes, digest: str, trust: TrustStore, *, at: datetime) -> VerifiedStatement:
        """The statement in a file."""
        ...


def signed_documents(policy: PolicySettings) -> tuple[str, ...]:
    """The files of such statements that a policy asks for; where it asks for none, nobody signs any."""
    asked = policy.required_evidence
    return tuple(file for kind, file in (("ml_bom", ML_BOM_FILE), ("model_card", MODEL_CARD_FILE)) if kind in asked)


def sign_bom(document: bytes, *, model: str, digest: str, key: SigningKey) -> Envelope:
    """The bill of materials `document`, CycloneDX as JSON, as a statement about the model `digest`."""
    return sign_statement(statement_about(digest, model, CYCLONEDX_TYPE, json.loads(document)), [key])


def read_bom(content: bytes, digest: str, trust: TrustStore, *, at: datetime) -> VerifiedStatement:
    """The bill of materials in a file.

    Raises:
        EvidenceRefused: its signature does not count, it is about another digest, or it is of another format.
    """
    verified = verify_statement(
        read_envelope(content), trust, role="trainer", at=at, digest=digest, predicate_type=CYCLONEDX_TYPE
    )
    if verified.statement.predicate.get("bomFormat") != "CycloneDX":
        raise StatementInvalid("The signed bill of materials is not in the format CycloneDX.")
    return verified


def sign_model_card(text: bytes, *, model: str, digest: str, key: SigningKey, at: datetime) -> Envelope:
    """The model card `text`, Markdown in UTF-8, as a statement about the model `digest`."""
    predicate = {"mediaType": "text/markdown", "text": text.decode("utf-8"), "time": moment_text(at)}
    return sign_statement(statement_about(digest, model, MODEL_CARD_TYPE, predicate), [key])


def read_model_card(content: bytes, digest: str, trust: TrustStore, *, at: datetime) -> VerifiedStatement:
    """The model card in a file.

    Raises:
        EvidenceRefused: its signature does not count, it is about another digest, or there is no text in it.
    """
    verified = verify_statement(
        read_envelope(content), trust, role="evaluator", at=at, digest=digest, predicate_type=MODEL_CARD_TYPE
    )
    read_text(verified.statement.predicate, "text")
    read_moment(verified.statement.predicate, "time")
    return verified
