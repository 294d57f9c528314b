"""One run of `vouch ledger prune`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from vouchml.ledger.holds import holds_in_force
from vouchml.ledger.open import open_for_writing
from vouchml.ledger.retention import Prunable, cutoffs, find_prunable, prune_record
from vouchml.settings import Settings


def prune(
    settings: Settings,
    *,
    who: str,
    basis: str | None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Prunable:
    """Erase the payloads that are older than `[ledger] retention_days`; with `dry_run`, only say which.

    Raises:
        RetentionRefused: nothing says how long they are kept, or it is less than the minimum and there is no basis.
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read or written.
    """
    ledger, now = settings.ledger, datetime.now(UTC)
    before = cutoffs(ledger.retention_days, minimum_days=ledger.minimum_retention_days, now=now, basis=basis)
    store, schedule = open_for_writing(settings)
    with closing(store):
        prunable = find_prunable(store, before, holds_in_force(store), progress=progress)
        if dry_run:
            return prunable
        if prunable.spans:
            record = prune_record(prunable, who=who, basis=basis, time=datetime.now(UTC))
            store.append([record], sign=schedule.final)
        # Also without any: an earlier prune may have left a copy that it could not take.
        store.prune(prunable.spans)
    return prunable
