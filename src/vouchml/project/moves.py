"""Promote and roll back, with a record in the ledger before the pointer moves.

A program that ends between the two leaves a record of a move that was not made, which the registry's history shows;
never a move without a record.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from vouchml.errors import BundleInvalid, VersionNotFound
from vouchml.ledger.moves import Move, move_record
from vouchml.model.digest import model_digest
from vouchml.project.open_ledger import write
from vouchml.registry import ModelRegistry, Promotion, Version
from vouchml.settings import Settings


def promote(settings: Settings, reference: str, *, who: str, why: str) -> Promotion:
    """Point the stage and its alias at a version.

    Raises:
        VersionNotFound: there is no such version.
        LedgerInvalid, LedgerUnavailable: it cannot be recorded, so the pointer stays.
    """
    registry = ModelRegistry.connect(settings.tracking_uri)
    name, stage = settings.project.registered_model, settings.project.stage
    version = registry.version(name, reference)
    _record(settings, registry, version, "promotion", who=who, why=why)
    return registry.promote(name, str(version.number), stage=stage, who=who, why=why)


def rollback(settings: Settings, *, who: str, why: str) -> Promotion:
    """Point back to the version that served before.

    Raises:
        PromotionRefused: no version served before.
        VersionNotFound: the version that served before was deleted.
        LedgerInvalid, LedgerUnavailable: it cannot be recorded, so the pointer stays.
    """
    registry = ModelRegistry.connect(settings.tracking_uri)
    name, stage = settings.project.registered_model, settings.project.stage
    version = registry.rollback_target(name, stage=stage)
    _record(settings, registry, version, "rollback", who=who, why=why)
    return registry.rollback(name, stage=stage, who=who, why=why)


def _record(
    settings: Settings,
    registry: ModelRegistry,
    version: Version,
    action: Literal["promotion", "rollback"],
    *,
    who: str,
    why: str,
) -> None:
    if not settings.ledger.url:
        return
    name, stage = settings.project.registered_model, settings.project.stage
    move = Move(
        action,
        name,
        stage,
        from_version=registry.pointer(name, stage).version,
        to_version=version.number,
        run=version.run_id,
        model=_model_digest(registry, version),
        who=who,
        why=why,
    )
    write(settings, move_record(move, time=datetime.now(UTC)))


def _model_digest(registry: ModelRegistry, version: Version) -> str | None:
    """The digest over the files of `version` as they are now; None where they are not those of a model."""
    with TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        files.mkdir()
        try:
            registry.fetch(version, files)
            return model_digest(files)
        except (BundleInvalid, VersionNotFound):
            return None
