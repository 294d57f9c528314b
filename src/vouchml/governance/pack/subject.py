"""What a pack is made from: a version, its run, what was signed about it, and what people wrote about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vouchml.governance.approvals import SignedApproval
from vouchml.governance.decision import Decision
from vouchml.governance.signed_evidence import EvidenceFiles
from vouchml.model.contract import Contract
from vouchml.settings import PolicySettings
from vouchml.trust.separation import Separation

#: What stands where a person has not answered.
NOT_PROVIDED: Final = "NOT PROVIDED"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of the model: its path below the model's folder, its SHA-256 in hexadecimal, and its size in bytes."""

    path: str
    sha256: str
    size: int

    def to_dict(self) -> dict[str, Any]:
        """The file as `model_files.json` lists it."""
        return {"path": self.path, "sha256": self.sha256, "size": self.size}


@dataclass(frozen=True)
class PackSubject:
    """A version as its pack shows it, at the moment `at`.

    `policy` are the bytes that the decision names by their digest; None when the decision was made by another policy
    than the project has now, or there is none. `card` is what people wrote, by field. `plots` are PNG files of the run
    by name; MLflow keeps them and nobody signed them. `rules` is what the gate found, as its decision says it.
    """

    name: str
    version: int
    run: str
    digest: str
    at: datetime
    files: tuple[ModelFile, ...]
    contract: Contract
    contract_bytes: bytes
    manifest: Mapping[str, Any]
    manifest_bytes: bytes
    evidence: EvidenceFiles
    trust: bytes
    separation: Separation
    settings_policy: PolicySettings
    policy: bytes | None
    card: Mapping[str, str]
    plots: Mapping[str, bytes]
    decision: Decision | None
    rules: Mapping[str, Any]
    approvals: tuple[SignedApproval, ...]

    @property
    def data_sha256(self) -> str:
        """The SHA-256 of the table's bytes."""
        return self.contract.data_sha256

    def answer(self, field: str) -> str:
        """What a person wrote for a field of the card, or NOT PROVIDED."""
        return self.card.get(field, "").strip() or NOT_PROVIDED
