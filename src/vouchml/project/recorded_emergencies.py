"""The emergency admissions of a model that the ledger has: also those that somebody took away in MLflow."""

from __future__ import annotations

from datetime import UTC, datetime

from vouchml.governance.break_glass import Emergency
from vouchml.ledger.leaf import read_leaf
from vouchml.ledger.open import is_begun
from vouchml.ledger.record import RecordType
from vouchml.project.open_ledger import reading
from vouchml.settings import Settings


def recorded_emergencies(settings: Settings, digest: str) -> tuple[Emergency, ...]:
    """When the model `digest` could serve by emergency admissions, as their records tell.

    Raises:
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read.
    """
    if not is_begun(settings):
        return ()
    with reading(settings) as store:
        leaves = [read_leaf(entry.leaf) for entry in store.events(RecordType.BREAK_GLASS)]
    return tuple(
        Emergency(
            datetime.fromisoformat(leaf["time"]).replace(microsecond=0),
            datetime.fromisoformat(leaf["until"]).astimezone(UTC),
        )
        for leaf in leaves
        if leaf.get("model") == digest
    )
