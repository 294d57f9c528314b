"""What a ledger tells of one model digest, each event as a receipt under one checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Final

from vouchml.ledger.receipt import build_receipt
from vouchml.ledger.record import RecordType
from vouchml.ledger.store.base import Checkpoint, LedgerStore

#: So many events of a type are taken, the latest.
MOST_OF_A_TYPE: Final = 200
_LOOKED_AT: Final = 100_000
KINDS: Final = (
    RecordType.DECISION,
    RecordType.APPROVAL,
    RecordType.BREAK_GLASS,
    RecordType.PROMOTION,
    RecordType.ROLLBACK,
    RecordType.MODEL_LOADED,
    RecordType.ADMISSION_REFUSED,
    RecordType.REVOCATION,
)


def event_receipts(
    store: LedgerStore, digest: str, checkpoint: Checkpoint, *, most: int = MOST_OF_A_TYPE
) -> tuple[dict[str, bytes], tuple[RecordType, ...]]:
    """The receipts of the events about the model `digest`, by file name, and the types of which there are more.

    Of each type the latest `most` that `checkpoint` covers are taken.

    Raises:
        LedgerInvalid: the ledger lacks something that a receipt needs.
    """
    files, more = {}, []
    for kind in KINDS:
        places = list(islice(_about(store, kind, digest, checkpoint.size), most + 1))
        if len(places) > most:
            more.append(kind)
        for index in places[:most]:
            receipt = build_receipt(store, index, checkpoint=checkpoint.note)
            files[f"{index:08d}-{kind.value}.json"] = receipt.to_json().encode("utf-8")
    return files, tuple(more)


def _about(store: LedgerStore, kind: RecordType, digest: str, size: int) -> Iterator[int]:
    for entry in islice(store.events(kind, before=size), _LOOKED_AT):
        fields = json.loads(entry.leaf)
        served = fields.get("served")
        if digest in (fields.get("model"), served.get("model") if isinstance(served, dict) else None):
            yield entry.index
