"""The project's ledger, for a command: opened, used, closed; what it writes is signed at once if the key is here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from vouchml.ledger.open import open_for_writing, open_ledger
from vouchml.ledger.record import Record
from vouchml.ledger.store.base import Appended, LedgerStore
from vouchml.settings import Settings


@contextmanager
def reading(settings: Settings, *, must_be_whole: bool = True) -> Iterator[LedgerStore]:
    """The ledger to read from; `must_be_whole` as in `open_store`.

    Raises:
        LedgerInvalid, LedgerUnavailable: see `vouchml.ledger.open.open_ledger`.
    """
    with closing(open_ledger(settings, must_be_whole=must_be_whole)) as store:
        yield store


def write(settings: Settings, *records: Record) -> Appended:
    """Append `records`, under a checkpoint if the key of the ledger is here.

    Raises:
        LedgerInvalid, LedgerUnavailable: nothing was written.
    """
    store, schedule = open_for_writing(settings)
    with closing(store):
        return store.append(records, sign=schedule.final)


def sign_head(settings: Settings) -> bool:
    """Sign the head unless it is signed; whether the key to do so is here.

    Raises:
        LedgerInvalid, LedgerUnavailable: see `write`.
    """
    store, schedule = open_for_writing(settings)
    with closing(store):
        if schedule.signs:
            store.append([], sign=schedule.final)
        return schedule.signs
