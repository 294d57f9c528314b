"""The reconciler: name each pointer of the model that no decision supports, or that no move in the ledger explains.

Anybody who may write to MLflow can move a pointer. Whether what it names may serve is asked as the service asks it; and
where the ledger's last move is elsewhere, somebody else chose it, also if it may serve.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from vouchml.errors import BundleInvalid, EvidenceRefused, VersionNotFound, VouchError
from vouchml.governance.signed_evidence import moment_text
from vouchml.project.admissibility import admission_of
from vouchml.project.pointer_moves import LedgerMoves, Stray, ledger_moves
from vouchml.project.private_copy import private_copy
from vouchml.registry import ModelRegistry, Version
from vouchml.settings import Settings

#: Stages that nothing is served from.
_AT_REST: Final = ("None", "Archived")


@dataclass(frozen=True)
class Judged:
    """A version that pointers name, and what stands behind it. `reason` is the code of what is wrong, else empty.

    `strays` are those of its pointers that the ledger's last move does not explain. `version` is None where the
    ledger's last move is to a version and MLflow names none.
    """

    pointers: tuple[str, ...]
    version: int | None
    digest: str | None
    reason: str
    told: str
    remedy: str
    strays: tuple[Stray, ...] = ()

    @property
    def supported(self) -> bool:
        """Whether the version may serve."""
        return not self.reason

    @property
    def explained(self) -> bool:
        """Whether vouch moved its pointers there, as far as there is a ledger to say so."""
        return not self.strays

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to do, the first thing first: who has moved a pointer comes before making what it names fit to serve."""
        strays = tuple(stray.remedy for stray in self.strays)
        after = f"Until then sign and gate nothing of it. Once it is clear: {self.remedy}" if strays else self.remedy
        return (*strays, *((after,) if self.remedy else ()))


def audit(settings: Settings) -> Iterator[Judged]:
    """Judge each version that a stage or an alias names, the highest first.

    Raises:
        VersionNotFound: there is no such registered model.
        RegistryUnreachable, TrustStoreInvalid: nothing can be judged.
        LedgerInvalid, LedgerUnavailable: the moves in the ledger cannot be read.
    """
    registry = ModelRegistry.connect(settings.tracking_uri)
    moves = ledger_moves(settings, registry)
    stage = settings.project.stage
    pointed: set[str] = set()
    for version in registry.versions(settings.project.registered_model):
        in_stage = () if version.stage in _AT_REST else (version.stage,)
        pointers = (*in_stage, *(f"@{alias}" for alias in version.aliases))
        pointed.update(pointers)
        if pointers:
            judged = _judged(settings, registry, version, pointers)
            yield replace(judged, strays=_strays(moves, pointers, version.number))
    ours = (stage, f"@{stage.lower()}")
    if not pointed.intersection(ours) and (empty := _strays(moves, (stage,), None)):
        yield Judged(ours, None, None, "", "nothing that could serve", "", empty)


def _strays(moves: LedgerMoves | None, pointers: tuple[str, ...], version: int | None) -> tuple[Stray, ...]:
    if moves is None:
        return ()
    found = (moves.stray(pointer, version) for pointer in pointers)
    return tuple(stray for stray in found if stray is not None)


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
