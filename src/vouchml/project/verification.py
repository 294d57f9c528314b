"""Verify the project's ledger with the keys of its trust store and the checkpoints that were kept elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from vouchml.ledger.anchors.kept_timestamps import read_kept_timestamps
from vouchml.ledger.anchors.state import AnchorStates
from vouchml.ledger.checkpoint import VerifierKey
from vouchml.ledger.findings import Finding, Verification
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

    The timestamps that are kept here are verified too. A checkpoint with one that does is of grade A.

    Raises:
        CheckpointInvalid: `since` is not a checkpoint of this ledger that one of the keys signed.
        LedgerInvalid, LedgerUnavailable, TrustStoreInvalid: it, or the trust store, cannot be read.
    """
    timestamped, refused, unchecked = _timestamps(settings)
    with reading(settings, must_be_whole=False) as store:
        how = HowToVerify(
            since=since,
            outside=[*outside, *timestamped],
            checkpoint_records=settings.ledger.checkpoint_records,
            processes=min(MOST_PROCESSES, len(os.sched_getaffinity(0))),
            open_store=partial(open_store, settings.ledger_url, must_be_whole=False),
        )
        trusted = keys or verifiers(read_trust_store(settings.trust_store_path), store.origin())
        found = verify_ledger(store, trusted, how, progress=progress)
    return replace(found, findings=(*found.findings, *refused), unchecked=unchecked)


def _timestamps(settings: Settings) -> tuple[list[OutsideCheckpoint], list[Finding], tuple[str, ...]]:
    """The checkpoints that an authority has timestamped, what is wrong with others, and why some were not checked."""
    states, timestamped, refused, unchecked = AnchorStates(settings), [], [], []
    for anchor in settings.ledger.anchors:
        if anchor.kind != "tsa":
            continue
        certificate = settings.root / anchor.certificate if anchor.certificate else None
        found = read_kept_timestamps(states.kept(anchor), certificate)
        for each in found.verified:
            source = f"the timestamp {each.file} of {each.time:%Y-%m-%dT%H:%M:%SZ}"
            timestamped.append(OutsideCheckpoint(each.note, source, "A"))
        for file, why in found.refused:
            refused.append(Finding("outside", "incomplete", 0, 0, f"The timestamp {file} is no evidence: {why}."))
        if found.unchecked:
            unchecked.append(found.unchecked)
    return timestamped, refused, tuple(unchecked)
