"""Promote and roll back: only to a version that may serve, with a record in the ledger before the pointer moves.

A program that ends between the two leaves a record of a move that was not made, which the registry's history shows;
never a move without a record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from vouchml.errors import BundleInvalid, EvidenceRefused, VersionNotFound
from vouchml.governance.admission import Admission
from vouchml.governance.signed_evidence import moment_text
from vouchml.ledger.moves import Move, move_record
from vouchml.project.admissibility import admission_of
from vouchml.project.open_ledger import write
from vouchml.project.private_copy import private_copy
from vouchml.registry import ModelRegistry, Promotion, Version
from vouchml.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True)
class Examined:
    """A version that may be promoted, and why.

    `digest` is None where it is not known, `admission` where nobody asked or a warning is all that came of it.
    """

    version: Version
    digest: str | None
    admission: Admission | None


def promote(settings: Settings, reference: str, *, who: str, why: str, say: Say = lambda _: None) -> Promotion:
    """Point the stage and its alias at a version. What must not be overlooked is told to `say`.

    Raises:
        VersionNotFound: there is no such version.
        EvidenceRefused: it may not serve; a child says why.
        LedgerInvalid, LedgerUnavailable: it cannot be recorded, so the pointer stays.
    """
    registry = ModelRegistry.connect(settings.tracking_uri)
    name, stage = settings.project.registered_model, settings.project.stage
    examined = _examined(settings, registry, registry.version(name, reference), say)
    _record(settings, registry, examined, "promotion", who=who, why=why)
    return registry.promote(name, str(examined.version.number), stage=stage, who=who, why=why)


def rollback(settings: Settings, *, who: str, why: str, say: Say = lambda _: None) -> Promotion:
    """Point back to the version that served before.

    Raises:
        PromotionRefused: no version served before.
        VersionNotFound: the version that served before was deleted.
        EvidenceRefused: it may not serve any more; a child says why.
        LedgerInvalid, LedgerUnavailable: it cannot be recorded, so the pointer stays.
    """
    registry = ModelRegistry.connect(settings.tracking_uri)
    name, stage = settings.project.registered_model, settings.project.stage
    examined = _examined(settings, registry, registry.rollback_target(name, stage=stage), say)
    _record(settings, registry, examined, "rollback", who=who, why=why)
    return registry.rollback(name, stage=stage, who=who, why=why)


def examine(settings: Settings, reference: str, *, say: Say = lambda _: None) -> Examined:
    """Say whether a version could be promoted; nothing is moved and nothing is recorded.

    Raises:
        VersionNotFound: there is no such version.
        EvidenceRefused: it may not serve; a child says why.
    """
    registry = ModelRegistry.connect(settings.tracking_uri)
    return _examined(settings, registry, registry.version(settings.project.registered_model, reference), say)


def _examined(settings: Settings, registry: ModelRegistry, version: Version, say: Say) -> Examined:
    enforced = settings.trust.admission == "enforce"
    try:
        with private_copy(registry, version) as copy:
            if settings.trust.admission == "off":
                say(f'WARNING: [trust] admission is "off": nobody asked what is signed about version {version.number}.')
                return Examined(version, copy.digest, None)
            try:
                admission = admission_of(settings, copy)
            except EvidenceRefused as error:
                if enforced:
                    raise type(error)(
                        f"Version {version.number} may not be promoted: {error.message}", remedy=error.remedy
                    ) from error
                say(f"WARNING: version {version.number} has not the evidence that it needs: {error.message}")
                say('WARNING: [trust] admission is "warn", so it is promoted all the same.')
                return Examined(version, copy.digest, None)
            if admission.is_break_glass:
                until = moment_text(admission.valid_until)
                say(f"WARNING: no gate stands behind version {version.number}; two people let it in until {until}.")
            return Examined(version, copy.digest, admission)
    except (BundleInvalid, VersionNotFound) as error:
        if enforced:
            raise
        say(f"WARNING: version {version.number} cannot be served: {error.message}")
        return Examined(version, None, None)


def _record(
    settings: Settings,
    registry: ModelRegistry,
    examined: Examined,
    action: Literal["promotion", "rollback"],
    *,
    who: str,
    why: str,
) -> None:
    if not settings.ledger.url:
        return
    name, stage, version = settings.project.registered_model, settings.project.stage, examined.version
    move = Move(
        action,
        name,
        stage,
        from_version=registry.pointer(name, stage).version,
        to_version=version.number,
        run=version.run_id,
        model=examined.digest,
        decision=examined.admission.decision_sha256 if examined.admission else None,
        who=who,
        why=why,
    )
    write(settings, move_record(move, time=datetime.now(UTC)))
