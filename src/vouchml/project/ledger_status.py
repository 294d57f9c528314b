"""How the project's ledger is: what is in it, what is signed, and what the signatures are worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vouchml.ledger.anchors import AnchorStates
from vouchml.ledger.checkpoint import Checkpoint, read_note
from vouchml.ledger.findings import Grade
from vouchml.ledger.holds import Hold, holds_in_force
from vouchml.ledger.leaf import read_leaf
from vouchml.ledger.store.base import LedgerStore
from vouchml.ledger.trusted_keys import verifiers
from vouchml.settings import Settings, sqlite_file
from vouchml.trust.trust_store_file import read_trust_store


@dataclass(frozen=True, slots=True)
class AnchorStatus:
    """A place outside: the size of the last checkpoint that reached it, when, and why the latest did not."""

    kind: str
    to: str
    size: int
    pushed_at: str | None
    problem: str


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """What `vouch ledger status` says. Sizes in bytes; `on_disk` is None where another program keeps the files."""

    origin: str
    records: int
    last_record: str | None
    checkpoints: int
    signed: int
    last_checkpoint: str | None
    on_disk: int | None
    keys: tuple[str, ...]
    holds: tuple[Hold, ...]
    anchors: tuple[AnchorStatus, ...]
    #: Nothing that leaves this host is known to the ledger itself; a verification can be given what was kept elsewhere.
    grade: Grade = "C"

    @property
    def unsigned_tail(self) -> int:
        """The records after the last checkpoint."""
        return self.records - self.signed


def ledger_status(settings: Settings, store: LedgerStore) -> LedgerStatus:
    """Look at the ledger; nothing is verified.

    Raises:
        LedgerInvalid, LedgerUnavailable, TrustStoreInvalid: it, or the trust store, cannot be read.
    """
    head, origin, latest = store.head(), store.origin(), store.latest_checkpoint()
    last = read_leaf(store.entry(head.size - 1).leaf)["time"] if head.size else None
    return LedgerStatus(
        origin=origin,
        records=head.size,
        last_record=last,
        checkpoints=sum(1 for _ in store.checkpoints()),
        signed=latest.size if latest else 0,
        last_checkpoint=Checkpoint.parse(read_note(latest.note).text).time if latest else None,
        on_disk=_on_disk(settings),
        keys=tuple(str(key) for key in verifiers(read_trust_store(settings.trust_store_path), origin)),
        holds=holds_in_force(store),
        anchors=tuple(_anchors(settings)),
    )


def _anchors(settings: Settings) -> Iterator[AnchorStatus]:
    for anchor, state in AnchorStates(settings).all():
        pushed_at = f"{state.pushed_at:%Y-%m-%dT%H:%M:%SZ}" if state.pushed_at else None
        yield AnchorStatus(anchor.kind, anchor.to, state.size, pushed_at, state.problem)


def _on_disk(settings: Settings) -> int | None:
    database = sqlite_file(settings.ledger_url)
    if database is None:
        return None
    files = [database, *(Path(f"{database}{suffix}") for suffix in ("-wal", "-shm"))]
    return sum(file.stat().st_size for file in files if file.exists())
