"""Keep a signed statement about a version: first its record in the ledger, then the file beside the version's run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from vouchml.ledger.governance_events import Said, said_record
from vouchml.project.open_ledger import write
from vouchml.project.private_copy import PrivateCopy
from vouchml.registry import ModelRegistry
from vouchml.registry.evidence_files import put_evidence
from vouchml.settings import Settings
from vouchml.trust.dsse import Envelope
from vouchml.trust.trust_store import TrustedKey


@dataclass(frozen=True)
class Statement:
    """A statement that is kept now: its file, the SHA-256 of that, and the names of the keys that signed it."""

    file: str
    sha256: str
    by: tuple[str, ...]


def keep_statement(
    settings: Settings,
    registry: ModelRegistry,
    copy: PrivateCopy,
    *,
    kind: Literal["decision", "approval", "break_glass"],
    file: str,
    envelope: Envelope,
    signers: tuple[TrustedKey, ...],
    details: Mapping[str, str],
    at: datetime,
) -> Statement:
    """Record `envelope` and store it as `file`.

    Raises:
        LedgerInvalid, LedgerUnavailable: it cannot be recorded, so it is not stored.
        RegistryUnreachable: MLflow does not take it.
    """
    content = envelope.to_bytes()
    statement = Statement(file, sha256(content).hexdigest(), tuple(key.name for key in signers))
    if settings.ledger.url:
        said = Said(
            kind,
            name=copy.version.name,
            model=copy.digest,
            version=copy.version.number,
            statement=statement.sha256,
            by=statement.by,
            details=details,
        )
        write(settings, said_record(said, time=at))
    put_evidence(registry, copy.version, file, content)
    return statement
