"""Verify the project's ledger with the keys of its trust store and the checkpoints that were kept elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from vouchml.ledger.checkpoint import VerifierKey
from vouchml.ledger.findings import Verification
from vouchml.ledger.marks import OutsideCheckpoint
from vouchml.ledger.store import open_store
from vouchml.ledger.trusted_keys import verifiers
from vouchml.ledger.verify import HowToVerify, verify_ledger
from vouchml.project.open_ledger import reading
from vouchml.settings import Settings
from vouchml.trust.trust_store_file import read_trust_store

MOST_PROCESSES: Final = 4


def verify_project_ledger(
    settings: Settings,
    *,
    since: str | None,
    outside: Sequence[OutsideCheckpoint],
    keys: Sequence[VerifierKey] = (),
    progress: Callable[[int, int], None],
) -> Verification:
    """Verify all of it, or what the checkpoint `since` does not cover. `keys` count instead of the trust store's.

    Raises:
        CheckpointInvalid: `since` is not a checkpoint of this ledger that one of the keys signed.
        LedgerInvalid, LedgerUnavailable, TrustStoreInvalid: it, or the trust store, cannot be read.
    """
    with reading(settings, must_be_whole=False) as store:
        how = HowToVerify(
            since=since,
            outside=outside,
            checkpoint_records=settings.ledger.checkpoint_records,
            processes=min(MOST_PROCESSES, len(os.sched_getaffinity(0))),
            open_store=partial(open_store, settings.ledger_url, must_be_whole=False),
        )
        trusted = keys or verifiers(read_trust_store(settings.trust_store_path), store.origin())
        return verify_ledger(store, trusted, how, progress=progress)
