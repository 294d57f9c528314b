"""Whether the champion is what was signed: what a version is compared with decides what it has to reach.

Whoever may write to MLflow chooses the version in the stage, and could change its files or its manifest. So a champion
is compared only if a trainer signed these very files. A key that has only run out changes nothing about that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vouchml.errors import EvidenceMismatch, EvidenceRefused, ModelRevoked, SignatureMissing
from vouchml.governance.admission import require_signed
from vouchml.governance.decision import newest_decision
from vouchml.governance.provenance import read_provenance, signed_manifest
from vouchml.governance.signed_evidence import PROVENANCE_FILE, EvidenceFiles, require_about
from vouchml.trust.trust_store import TrustStore

_WHENEVER: Final = datetime.max.replace(tzinfo=UTC)


def verify_champion(
    folder: Path,
    digest: str,
    files: EvidenceFiles,
    trust: TrustStore,
    *,
    model: str,
    number: int,
    manifest_sha256: str,
    needs_provenance: bool,
) -> tuple[str, ...]:
    """Check version `number` in `folder`, a private copy with this model digest, and say what a person should know.

    `manifest_sha256` is that of the run's manifest, which says what rows the champion was trained on. It must be the
    one that a trainer signed, if one did, and one must have if the policy asks that of every version.

    Raises:
        EvidenceRefused: no trainer signed these files, or the provenance that is needed, or it does not count.
        EvidenceMismatch: the manifest is another one than was signed.
    """
    keys = trust.at_any_time()
    require_signed(folder, digest, files, keys, model=model, at=_WHENEVER)
    if PROVENANCE_FILE in files:
        provenance = read_provenance(files[PROVENANCE_FILE], digest, keys, at=_WHENEVER)
        require_about(provenance.statement, model)
        if signed_manifest(provenance) != manifest_sha256:
            raise EvidenceMismatch("Its manifest is not the one that its trainer signed.")
    elif needs_provenance:
        raise SignatureMissing("Nobody signed its provenance, which [policy] required_evidence asks for.")
    return tuple(_doubts(files, digest, keys, model=model, number=number))


def _doubts(files: EvidenceFiles, digest: str, keys: TrustStore, *, model: str, number: int) -> Iterator[str]:
    if PROVENANCE_FILE not in files:
        yield f"Nobody signed which rows version {number} was trained on."
    try:
        keys.require_not_revoked(digest)
        decision = newest_decision(files, digest, keys, model=model, at=_WHENEVER)
    except ModelRevoked as error:
        yield f"Version {number}, with which this one is compared, is revoked. {error.message}"
    except EvidenceRefused:
        yield f"No decision of a gate counts for version {number}, with which this one is compared."
    else:
        if decision.verdict == "FAIL":
            yield f"The gate's newest decision on version {number}, with which this one is compared, is FAIL."
