"""The receipt of a prediction, under a checkpoint that is signed for it where none covers it yet."""

from __future__ import annotations

from vouchml.errors import CheckpointAwaited, ReceiptUnavailable
from vouchml.ledger.receipt import Receipt, build_receipt
from vouchml.ledger.search import prediction_of
from vouchml.ledger.store.base import Checkpoint
from vouchml.project.open_ledger import reading, sign_head
from vouchml.settings import Settings


def obtain_receipt(settings: Settings, name: str, *, row: int | None = None) -> Receipt:
    """The receipt of the prediction with the request or prediction id `name`.

    Raises:
        RecordNotFound, RecordAmbiguous: no prediction is meant, or several are.
        CheckpointAwaited: no checkpoint covers it, and the key of the ledger is not here.
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read.
    """
    with reading(settings) as store:
        index = prediction_of(store, name, row=row)
        try:
            return build_receipt(store, index)
        except ReceiptUnavailable:
            pass
    if not sign_head(settings):
        raise checkpoint_awaited(settings)
    with reading(settings) as store:
        return build_receipt(store, index)


def newest_checkpoint(settings: Settings) -> Checkpoint:
    """The checkpoint of the head, signed now if the key of the ledger is here, else the newest that there is.

    Raises:
        CheckpointAwaited: there is none, and the key is not here; or there are no records yet.
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read or written.
    """
    sign_head(settings)
    with reading(settings) as store:
        newest = store.latest_checkpoint()
    if newest is None:
        raise CheckpointAwaited(
            "There is no checkpoint.", remedy="It takes a record, and the key of the ledger here: vouch keys init"
        )
    return newest


def checkpoint_awaited(settings: Settings) -> CheckpointAwaited:
    """The error that says for how long to wait."""
    return CheckpointAwaited(
        "No checkpoint covers this prediction yet.",
        remedy=f"Ask again in {settings.ledger.checkpoint_seconds:g} seconds: the service signs one by then, if it has "
        "the key of the ledger.",
    )
