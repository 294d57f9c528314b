"""How good a model is: what the evaluator signs about a model digest, in-toto test-result v0.1.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md. What it has no field for is under the
one key `vouchml`.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from vouchml import __version__
from vouchml.errors import StatementInvalid
from vouchml.governance.measurements import Measurements
from vouchml.governance.signed_evidence import moment_text
from vouchml.trust.dsse import Envelope, read_envelope
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.statement import TEST_RESULT, VerifiedStatement, sign_statement, statement_about, verify_statement
from vouchml.trust.trust_store import TrustStore


def sign_evaluation(
    measured: Measurements, manifest: bytes, *, data_sha256: str, model: str, digest: str, key: SigningKey, at: datetime
) -> Envelope:
    """What was `measured` of the model `digest`, whose run has this `manifest` and was tested on rows of this table."""
    predicate = {
        "result": measured.result,
        "configuration": [
            {"name": "run_manifest.json", "digest": {"sha256": sha256(manifest).hexdigest()}},
            {"name": "data", "digest": {"sha256": data_sha256}},
        ],
        "passedTests": measured.named("passed"),
        "warnedTests": measured.named("warned"),
        "failedTests": measured.named("failed"),
        "vouchml": {**measured.figures, "time": moment_text(at), "version": __version__},
    }
    return sign_statement(statement_about(digest, model, TEST_RESULT, predicate), [key])


def read_evaluation(content: bytes, digest: str, trust: TrustStore, *, at: datetime) -> VerifiedStatement:
    """The evaluation in a file. One whose tests failed does not count as evidence.

    Raises:
        EvidenceRefused: its signature does not count, it is about another digest, or its tests failed.
    """
    verified = verify_statement(
        read_envelope(content), trust, role="evaluator", at=at, digest=digest, predicate_type=TEST_RESULT
    )
    if verified.statement.predicate.get("result") not in ("PASSED", "WARNED"):
        raise StatementInvalid("The signed evaluation says that tests failed.", remedy="Train the version again.")
    return verified
