"""The reconciler: go through every pointer of the registered model and name those that no decision supports.

Anybody who may write to MLflow can move a pointer. Whether what it names may serve is asked as the service asks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vouchml.errors import BundleInvalid, EvidenceRefused, VersionNotFound, VouchError
from vouchml.governance.signed_evidence import moment_text
from vouchml.project.admissibility import admission_of
from vouchml.project.private_copy import private_copy
from vouchml.registry import ModelRegistry, Version
from vouchml.settings import Settings

#: Stages that nothing is served from.
_AT_REST: Final = ("None", "Archived")


@dataclass(frozen=True)
class Judged:
    """A version that pointers name, and what stands behind it. `reason` is the code of what is wrong, else empty."""

    pointers: tuple[str, ...]
    version: int
    digest: str | None
    reason: str
    told: str
    remedy: str

    @property
    def supported(self) -> bool:
        """Whether the version may serve."""
        return not self.reason


def audit(settings: Settings) -> Iterator[Judged]:
    """Judge each version that a stage or an alias names, the highest first.

    Raises:
        VersionNotFound: there is no such registered model.
        RegistryUnreachable, TrustStoreInvalid: nothing can be judged.
    """
    registry = ModelRegistry.connect(settings.tracking_uri)
    for version in registry.versions(settings.project.registered_model):
        stage = () if version.stage in _AT_REST else (version.stage,)
        pointers = (*stage, *(f"@{alias}" for alias in version.aliases))
        if pointers:
            yield _judged(settings, registry, version, pointers)


def _judged(settings: Settings, registry: ModelRegistry, version: Version, pointers: tuple[str, ...]) -> Judged:
    digest = None
    try:
        with private_copy(registry, version) as copy:
            digest = copy.digest
            admission = admission_of(settings, copy)
    except (EvidenceRefused, BundleInvalid, VersionNotFound) as error:
        return _unsupported(pointers, version, digest, error)
    until = moment_text(admission.valid_until)
    if admission.decision is None:
        told = f"no gate: two people let it in until {until}"
    else:
        told = f"{admission.decision.verdict} by {admission.decision.signer.name}, valid until {until}"
    return Judged(pointers, version.number, digest, "", told, "")


def _unsupported(pointers: tuple[str, ...], version: Version, digest: str | None, error: VouchError) -> Judged:
    return Judged(pointers, version.number, digest, error.code, error.message, error.remedy)
