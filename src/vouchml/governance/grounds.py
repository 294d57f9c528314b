"""The grounds of a decision: the statements that it names as its inputs, verified again where a model is loaded.

The gate verified them when it decided. What it believed by a key that was revoked since, it would not believe today,
and so the decision ends with the key. A key that has only run out changes nothing about what it signed in its time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from vouchml.errors import EvidenceRefused, GroundsRefused
from vouchml.governance.approvals import read_approval
from vouchml.governance.decision import Decision
from vouchml.governance.document_statements import read_bom, read_model_card
from vouchml.governance.evaluation_statement import read_evaluation
from vouchml.governance.provenance import read_provenance
from vouchml.governance.signed_evidence import (
    APPROVAL,
    EVALUATION_FILE,
    ML_BOM_FILE,
    MODEL_CARD_FILE,
    PROVENANCE_FILE,
    EvidenceFiles,
    kind_of,
    require_about,
)
from vouchml.trust.model_signature import SIGNATURE_FILE, read_model_signature, verify_signer
from vouchml.trust.trust_store import TrustStore

_WHENEVER: Final = datetime.max.replace(tzinfo=UTC)


def require_grounds(decision: Decision, files: EvidenceFiles, digest: str, trust: TrustStore, *, model: str) -> None:
    """Check that each statement that `decision` names as its input still counts.

    `files` has them with the bytes that the decision names. One counts when a key of its role signed it that is in the
    trust store and not revoked, and it is about this digest of the registered model `model`.

    Raises:
        GroundsRefused: one does not, and the message says why.
    """
    keys = trust.at_any_time()
    for name in decision.inputs:
        try:
            _verify(name, files[name], digest, keys, model=model)
        except EvidenceRefused as problem:
            raise GroundsRefused(
                f"The gate decided on {name}, which does not count any more. {problem.message}",
                remedy="Have it signed by a key that counts (vouch sign VERSION --again, vouch approve VERSION), then "
                "run the gate again: vouch gate VERSION",
            ) from problem


def _verify(name: str, content: bytes, digest: str, keys: TrustStore, *, model: str) -> None:
    if name == SIGNATURE_FILE:  # the files are held against it before any decision is looked at
        verify_signer(read_model_signature(content), keys, at=_WHENEVER)
    elif name == PROVENANCE_FILE:
        require_about(read_provenance(content, digest, keys, at=_WHENEVER).statement, model)
    elif name == EVALUATION_FILE:
        require_about(read_evaluation(content, digest, keys, at=_WHENEVER).statement, model)
    elif name == ML_BOM_FILE:
        require_about(read_bom(content, digest, keys, at=_WHENEVER).statement, model)
    elif name == MODEL_CARD_FILE:
        require_about(read_model_card(content, digest, keys, at=_WHENEVER).statement, model)
    elif kind_of(name) == APPROVAL:
        read_approval(name, content, digest, keys, model=model, at=_WHENEVER)
    else:
        raise GroundsRefused("No gate decides on evidence of that name.")
