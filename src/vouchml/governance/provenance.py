"""Where a model comes from: what the trainer signs about a model digest, SLSA Provenance v1.

https://slsa.dev/spec/v1.0/provenance. It says in SLSA's words what `run_manifest.json` records, and names the manifest
by its digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from vouchml.errors import EvidenceMismatch, StatementInvalid
from vouchml.trust.dsse import Envelope, read_envelope
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.statement import PROVENANCE, VerifiedStatement, sign_statement, statement_about, verify_statement
from vouchml.trust.trust_store import TrustStore

BUILD_TYPE: Final = "https://vouchml.dev/train/v1"
BUILDER: Final = "https://vouchml.dev/trainer"


def sign_provenance(
    manifest: Mapping[str, Any], content: bytes, *, model: str, digest: str, key: SigningKey
) -> Envelope:
    """The provenance of the model `digest` from the `manifest` of its run, whose bytes are `content`.

    Raises:
        EvidenceMismatch: the manifest does not say all that a provenance says.
    """
    try:
        predicate = _predicate(manifest, content)
    except (AttributeError, KeyError, TypeError):
        raise EvidenceMismatch(
            "The manifest of the run does not say all that is to be signed.", remedy="Train the version again."
        ) from None
    return sign_statement(statement_about(digest, model, PROVENANCE, predicate), [key])


def read_provenance(content: bytes, digest: str, trust: TrustStore, *, at: datetime) -> VerifiedStatement:
    """The provenance in a file.

    Raises:
        EvidenceRefused: its signature does not count, or it is about another digest.
    """
    return verify_statement(
        read_envelope(content), trust, role="trainer", at=at, digest=digest, predicate_type=PROVENANCE
    )


def signed_manifest(provenance: VerifiedStatement) -> str:
    """The SHA-256 of the run's manifest that a provenance names.

    Raises:
        StatementInvalid: it names none.
    """
    match provenance.statement.predicate:
        case {"runDetails": {"byproducts": [{"digest": {"sha256": str(digest)}}]}}:
            return digest
    raise StatementInvalid("The provenance does not name the manifest of its run.", remedy="Have it signed again.")


def _predicate(manifest: Mapping[str, Any], content: bytes) -> dict[str, Any]:
    environment = manifest["environment"]
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"settings": manifest["settings"], "exactFloats": manifest["exact_floats"]},
            "internalParameters": {
                "trainingSha256": manifest["training_sha256"],
                "split": manifest["split"],
                "python": environment["python"],
                "implementation": environment["implementation"],
                "platform": environment["platform"],
                "libraries": environment["libraries"],
            },
            "resolvedDependencies": list(_dependencies(manifest)),
        },
        "runDetails": {
            "builder": {"id": BUILDER, "version": {"vouchml": manifest["vouchml"]}},
            "metadata": {
                "invocationId": manifest["run_id"],
                "startedOn": _moment(manifest["started"]),
                "finishedOn": _moment(manifest["created"]),
            },
            "byproducts": [{"name": "run_manifest.json", "digest": {"sha256": sha256(content).hexdigest()}}],
        },
    }


def _dependencies(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The table, the commit and the lock, as ResourceDescriptors; what is not known is left out."""
    data, environment = manifest["data"], manifest["environment"]
    yield {
        "name": "data",
        "uri": data["path"],
        "digest": {"sha256": data["bytes_sha256"]},
        "annotations": {"contentSha256": data["content_sha256"]},
    }
    if commit := environment["git"]["commit"]:
        yield {
            "name": "source",
            "digest": {"gitCommit": commit},
            "annotations": {"state": environment["git"]["state"]},
        }
    if lock := environment["lock_sha256"]:
        yield {"name": "requirements/trainer.lock", "digest": {"sha256": lock}}


def _moment(text: str) -> str:
    return text.replace("+00:00", "Z")
